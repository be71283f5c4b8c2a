"""The flow `arrive`: what lies complete in data/incoming is accepted or quarantined, once, and told."""

import logging
from collections import Counter

from prefect import flow, get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed

from flows.starting.deployed import open_deployed
from flows.starting.naming import name_arrivals, name_run, rename_run
from tasks.arriving.announcements import DUE, announce, announce_arrivals
from tasks.arriving.due import training_due
from tasks.arriving.take import take_arrivals
from tasks.versions.commits import commit_records
from thawline.params.file import load_params
from thawline.rows.arrivals import Arrival, Due
from thawline.system.console import reply
from thawline.system.logs import logging_to
from thawline.system.queue import take_turn
from thawline.workspace import Workspace

log = logging.getLogger(__name__)


@flow(name="arrive", flow_run_name=name_run, validate_parameters=False, retries=2, retry_delay_seconds=10)
def arrive(root: str) -> object:
    """Take what has arrived. Of several at once, one works and one waits; the others have nothing to do.

    Raises:
        StorageError: No permission or no space; nothing was lost.
        DvcError: DVC refused; nothing was lost.
    """
    workspace = open_deployed(root)
    with logging_to(workspace, flow_run_id=str(flow_run.id)):
        settled = settle_arrivals(workspace)
    if settled is None:
        return Completed(name="Skipped", message="another run waits for its turn and will take this, too")
    if settled:
        rename_run(name_arrivals([record.name for record in settled]))
    logger = get_run_logger()
    for record in settled:
        logger.log(logging.WARNING if record.state == "refused" else logging.INFO, explain(record))
    params = load_params(workspace)
    due = training_due(workspace, params)
    logger.info(explain_due(due))
    new = Counter(record.state for record in settled if not record.repeated)
    if due.train and not new["accepted"]:
        announce(DUE, workspace, params, {"reason": due.reason})  # what had to wait for its cool-down
    repeated = len(settled) - new.total()
    counts = f"{new['accepted']} accepted, {new['refused']} refused, {repeated} known already"
    return Completed(message=f"{counts}; {explain_due(due)}")


def settle_arrivals(workspace: Workspace) -> list[Arrival] | None:
    """Take what has arrived and announce it; None if another process waits to do so already."""
    with take_turn(workspace, "data") as is_turn:
        if not is_turn:
            return None
        params = load_params(workspace)
        settled = []
        for record in take_arrivals(workspace, params):
            reply.print(f"  {explain(record)}", markup=False, soft_wrap=True)
            log.info("%s", explain(record))
            settled.append(record)
        if settled:
            commit_records(workspace, params, f"{len(settled)} files arrived")
    announce_arrivals(workspace, params, settled)
    return settled


def explain(record: Arrival) -> str:
    """Return what became of an arrival in one line."""
    name = record.name
    if record.repeated:
        state = record.state + (", see `thawline quarantine show`" if record.state == "refused" else "")
        return f"{name}: the same content came before ({state}) and is kept as {record.kept_as}; nothing was done"
    if record.state == "refused":
        return f"{name}: refused, kept as data/quarantine/{record.kept_as}: {record.reason}"
    bad = f", {record.bad_rows:,} rows quarantined" if record.bad_rows else ""
    drift = "; it has drifted from the data so far" if record.drifted else ""
    released = f"; released {record.released}" if record.released else ""
    return f"{name}: {record.accepted_rows:,} rows accepted as data/raw/{record.kept_as}{bad}{drift}{released}"


def explain_due(due: Due) -> str:
    """Return whether to train in one line."""
    return f"{'training is due' if due.train else 'no training yet'}: {due.reason}"
