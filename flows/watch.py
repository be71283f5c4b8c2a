"""The flow `watch`: what the champion answered in production is judged, and an alarm is told."""

from prefect import flow, get_run_logger
from prefect.states import Completed

from flows.starting.deployed import open_deployed
from flows.starting.naming import name_run
from tasks.judging.ownership import open_own
from tasks.judging.watching import watch_champion
from thawline.params.file import load_params


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
