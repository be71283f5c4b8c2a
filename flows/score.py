"""The flow `score`: rows predicted by the champion, into a file that is whole or what it was before."""

from pathlib import Path

from prefect import flow
from prefect.states import Completed

from tasks.prediction import list_problems, predict_source
from tasks.tracking import open_tracking
from thawline.errors import UsageError
from thawline.frame_writers import writing_frames
from thawline.params_file import load_params
from thawline.workspace import Workspace


@flow(name="score", validate_parameters=False, retries=2, retry_delay_seconds=30)
def score(root: str) -> object:
    """Predict `schedule.score_input` into `schedule.score_output`.

    Raises:
        UsageError: The params name no input, or no version is champion.
        UnreadableFileError: The input can't be read.
    """
    workspace = Workspace(Path(root))
    params = load_params(workspace)
    if params.schedule.score_input is None:
        raise UsageError("schedule.score_input is unset; name the file or directory whose rows are to be predicted")
    source, target = workspace.root / params.schedule.score_input, workspace.root / params.schedule.score_output
    target.parent.mkdir(parents=True, exist_ok=True)
    num_rows, problems = 0, []
    with writing_frames(target) as write:
        for part in predict_source(open_tracking(workspace, params), params, source, alias="champion"):
            write(part)
            num_rows += len(part)
            problems += list_problems(part)
    unread = f", {len(problems):,} of them unreadable ({'; '.join(problems[:3])})" if problems else ""
    return Completed(message=f"{num_rows:,} rows of {source.name} predicted{unread}: {target}")
