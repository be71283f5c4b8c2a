"""The champion in production, by the clock.

The flow `score` predicts rows into a file that is whole or what it was before; the flow `watch` judges what was
answered there and elsewhere, and tells an alarm.
"""

from prefect import flow, get_run_logger
from prefect.states import Completed

from flows.starting.deployed import open_deployed
from flows.starting.naming import name_run
from tasks.judging.ownership import open_own
from tasks.judging.prediction import predict_into
from tasks.judging.watching import watch_champion
from thawline.errors import UsageError
from thawline.formats.frame_writers import require_output
from thawline.params.file import load_params


@flow(name="score", flow_run_name=name_run, validate_parameters=False)
def score(root: str) -> object:
    """Predict `schedule.score_input` into `schedule.score_output`.

    Raises:
        UsageError: The params name no input, or no version is champion.
        UnreadableFileError: The input can't be read.
    """
    workspace = open_deployed(root)
    params = load_params(workspace)
    if params.schedule.score_input is None:
        raise UsageError("schedule.score_input is unset; name the file or directory whose rows are to be predicted")
    source, target = workspace.root / params.schedule.score_input, workspace.root / params.schedule.score_output
    require_output(target)
    predicted = predict_into(target, workspace, open_own(workspace, params), params, source)
    said = "".join(f"; {saying}" for saying in predicted.sayings())
    return Completed(message=f"{predicted.counted} of {source.name} predicted: {target}{said}")


@flow(name="watch", flow_run_name=name_run, validate_parameters=False)
def watch(root: str) -> object:
    """Judge the periods that have not been; see `watch_champion`.

    Raises:
        UsageError: There is no champion, or there are no test rows to compare with.
    """
    workspace = open_deployed(root)
    params = load_params(workspace)
    champion = watch_champion(workspace, params, open_own(workspace, params))
    said = "; ".join(champion.alarms) or "no alarm"
    get_run_logger().info("version %s: %s", champion.version, said)
    return Completed(name="Alarm" if champion.alarms else None, message=f"version {champion.version}: {said}"[:1000])
