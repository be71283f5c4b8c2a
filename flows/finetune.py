"""The flow `finetune`: from the accepted files to a verdict in the registry. Read it, then `judged_training.py`.

A failure leaves persisted results behind; the next run redoes only what is missing. The same data, params and code
end at the run that was there before.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from prefect import flow
from prefect.runtime import flow_run

from flows.opening import open_data
from flows.starting.naming import name_run, tell_page
from modalities import check_changes
from targets import check_target
from tasks.arriving.announcements import announce_model
from tasks.arriving.due import noting_training
from tasks.judging.approval import settle_approval
from tasks.judging.past_runs import find_unchanged_run
from tasks.profiling.profile import profile_rows
from tasks.reports.dvc_files import write_dvc_files
from tasks.results.outcomes import RunResult
from tasks.tracking.flow_artifacts import following_steps, show_outcome
from tasks.versions.commits import commit_records
from tasks.versions.prepare import push_data
from thawline.params.file import load_params, overridden
from thawline.system.lock import lock_workspace
from thawline.system.logs import logging_to
from thawline.system.stopwatch import Stopwatch
from thawline.workspace import Workspace


@flow(name="finetune", flow_run_name=name_run, validate_parameters=False)
def finetune(
    root: Path, overrides: Sequence[str] = (), *, fresh: bool = False, is_held: bool = False, by_dvc: bool = False
) -> RunResult:
    """Run the whole line once.

    Args:
        root: The workspace's directory.
        overrides: Values such as 'train.policy=full' on top of params.yaml, for this run.
        fresh: Compute everything anew although nothing changed.
        is_held: The caller holds the lock `training` already; otherwise it must be free.
        by_dvc: The flow is DVC's stage `train`: the stages before it are DVC's, and git is left as it is.

    Raises:
        DataRefusedError: A critical expectation failed; nothing was trained.
        WorkspaceBusyError: Another training works in this workspace.
        ThawlineError: Anything else that stops the line.
    """
    workspace = Workspace(root)
    params = load_params(workspace, overrides)
    check_changes(params)
    check_target(params)
    tell_page()
    watch = Stopwatch()
    with (
        nullcontext() if is_held else lock_workspace(workspace, "training"),
        logging_to(workspace, flow_run_id=str(flow_run.id)),
        overridden(workspace, overrides),
        noting_training(workspace) as note_files,
        following_steps(params.name),
    ):
        with lock_workspace(workspace, "data", wait_s=-1):  # what arrives from then on is for the next training
            note_files()
            context, tracking = open_data(workspace, params, watch, fresh=fresh, by_dvc=by_dvc)
            if not by_dvc:
                commit_records(workspace, params, f"Data version {context.data_version}")
        result = None if fresh else find_unchanged_run(context.key(), tracking)
        if result is None:
            from flows.judged_training import train_and_judge

            result = train_and_judge(context, tracking, watch, fresh=fresh)
        else:
            profile_rows(context)  # the page that this run made, in case somebody tidied it away
        result = settle_approval(workspace, params, tracking, result)
        write_dvc_files(workspace, tracking, result)
        show_outcome(workspace, tracking, result)
        announce_model(workspace, params, result)
        with lock_workspace(workspace, "data", wait_s=-1):
            push_data(workspace, params)
            if not by_dvc:
                commit_records(workspace, params, "Where copies of the data are")
        return result
