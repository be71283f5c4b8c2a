"""How every flow that trains begins: the data is obtained, checked, and brought through the stages."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flows.starting.naming import tell_page
from modalities import check_changes
from targets import check_target
from tasks.caching import remove_half_written
from tasks.edges import ROWS, after, begin_edges, note
from tasks.judging.ownership import claim, require_same_task
from tasks.tracking.flow_artifacts import following_steps
from tasks.tracking.runs import Tracking, close_stale_runs, open_tracking
from tasks.training.train_set import load_train_set
from tasks.upkeep.early_checks import require_places
from tasks.versions.pinned import pin_inputs
from tasks.versions.prepare import (
    obtain_data,
    record_data_version,
    reproduce,
    validate_processed_rows,
    validate_raw_files,
)
from thawline.context import Context, hash_code
from thawline.errors import DataRefusedError
from thawline.params import Params
from thawline.params.file import load_params, overridden
from thawline.system.lock import lock_workspace
from thawline.system.stopwatch import Stopwatch
from thawline.workspace import Workspace


@contextmanager
def opened(root: Path, overrides: Sequence[str]) -> Iterator[tuple[Context, Tracking]]:
    """Hold a workspace, but not its arrivals, for work on its data as it is now of which nothing is kept."""
    workspace = Workspace(root)
    params = load_params(workspace, overrides)
    check_changes(params)
    check_target(params)
    tell_page()
    with lock_workspace(workspace, "training"), overridden(workspace, overrides), following_steps(params.name):
        with lock_workspace(workspace, "data", wait_s=-1):
            context, tracking = open_data(workspace, params, Stopwatch())
        yield context, tracking


def open_data(
    workspace: Workspace, params: Params, watch: Stopwatch, *, fresh: bool = False, by_dvc: bool = False
) -> tuple[Context, Tracking]:
    """Return the work on the workspace's data as it is now, and where it is recorded; the caller holds both locks.

    Args:
        workspace: Its locks `training` and `data` are held.
        params: Those of this run.
        watch: Times the steps.
        fresh: Run the stages though nothing changed.
        by_dvc: DVC has run the stages, and this is one of them.

    Raises:
        DataRefusedError: A critical expectation failed; a run that says so is left in MLflow.
        UsageError: The classifier's name in MLflow belongs to another workspace, or to data of other labels.
        ServiceError: A place that the run writes to later is not there.
    """
    begin_edges()
    tracking = open_tracking(workspace, params)
    require_places(workspace, params)
    claim(tracking, workspace, params.name)
    remove_half_written(workspace)
    close_stale_runs(tracking)
    obtained = obtain_data(workspace, params, by_dvc=by_dvc)
    try:
        with watch("validate raw"):
            checked = validate_raw_files(workspace, params, obtained)
        with watch("preprocess"):
            data = after(reproduce, [checked])(workspace, force=fresh, by_dvc=by_dvc)
        with watch("validate processed"):
            context = Context(
                root=workspace.root, params=params, data_version=data.data_version, code_version=hash_code()
            )
            require_same_task(tracking, params.name, load_train_set(context).classes)
            checked = validate_processed_rows(context, data)
            note(ROWS, after(record_data_version, [checked])(workspace, data.data_version, params.target.kind))
            pin_inputs(workspace)
    except DataRefusedError as error:
        from tasks.reports.recording import record_refusal

        record_refusal(tracking, workspace, params, str(error))
        raise
    return context, tracking
