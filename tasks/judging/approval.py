"""A person's word before a version becomes champion, where `gates.approval` asks for it.

A version that has passed its gates waits (its tag `thawline.promoted` says so) and is challenger meanwhile. Where a
Prefect server is there, the flow run pauses, and its page has a form. Where Prefect's server ends with the command
nobody could fill one in: the version goes on waiting for `thawline promote`.
"""

import json
import logging
from datetime import datetime, timedelta
from typing import Literal

from prefect import task
from prefect.client.orchestration import get_client
from prefect.exceptions import FlowPauseTimeout
from prefect.flow_runs import pause_flow_run
from prefect.input import RunInput
from prefect.runtime import flow_run
from prefect.states import Running
from prefect.utilities.urls import url_for
from pydantic import Field

from tasks.arriving.announcements import MODEL_WAITS, announce
from tasks.caching import NO_CACHE
from tasks.judging.champion import PROMOTED, SINCE, WAITING, WAITS, aliases_of, approve, refuse, tell_standing
from tasks.presenting.markdown import escape, table
from tasks.results.outcomes import RESULT_FILE, RunResult
from tasks.tracking.runs import Tracking, set_tags
from thawline.params import Params
from thawline.servers.orphans import lasting_server
from thawline.system.console import console
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

POLL_S = 5
"""How long after an answer the run may go on."""


class Answer(RunInput):
    """What a person says of a version, in the form of the flow run's page."""

    decision: Literal["agree", "refuse"] = Field(description="agree: the version becomes champion.")
    reason: str = Field(min_length=3, max_length=500, description="Why; it stays with the version and its run.")
    name: str = Field(min_length=1, max_length=100, description="Who decides.")


def settle_approval(workspace: Workspace, params: Params, tracking: Tracking, result: RunResult) -> RunResult:
    """Ask a person about a version that waits for one; return the result with what came of it.

    Raises:
        ServiceError: The registry does not answer.
    """
    version = (
        tracking.client.get_model_version(result.model, result.version) if params.gates.approval == "person" else None
    )
    if version is None or version.tags.get(PROMOTED) != WAITING or lasting_server() is None:
        return result
    payload: dict[str, object] = {"version": result.version, "verdict": result.verdict[:300], "run_id": result.run_id}
    announce(MODEL_WAITS, workspace, params, payload)
    answer = ask_person(result, params.gates.approval_hours)
    with lock_workspace(workspace, "registry", wait_s=-1):
        if answer is None:
            told = f"nobody answered within {params.gates.approval_hours:g} hours"
            refuse(tracking, result.model, result.version, by="nobody", reason=told)
        else:
            act = approve if answer.decision == "agree" else refuse
            act(tracking, result.model, result.version, by=answer.name, reason=answer.reason)
    return _retell(tracking, result)


@task(name="approval", cache_policy=NO_CACHE)
def ask_person(result: RunResult, hours: float) -> Answer | None:
    """Pause the flow run until a person has filled in its form; None where nobody did in time."""
    until = datetime.now().astimezone() + timedelta(hours=hours)
    page = url_for("flow-run", obj_id=flow_run.id)
    console.print(
        f"  version {result.version} waits for a person until {until:%Y-%m-%d %H:%M}: {page}",
        markup=False,
        soft_wrap=True,
    )
    log.info("version %s of %s waits for a person until %s", result.version, result.model, until)
    form = Answer.with_initial_data(description=describe_question(result, until))
    try:
        return pause_flow_run(wait_for_input=form, timeout=round(hours * 3600), poll_interval=POLL_S)
    except FlowPauseTimeout:
        with get_client(sync_client=True) as client:  # else Prefect would call a run that ends well a failed one
            client.set_flow_run_state(flow_run.id, Running(), force=True)
        return None


def describe_question(result: RunResult, until: datetime) -> str:
    """Return what the form says above its fields, as Markdown."""
    rows = [(gate.name, f"{gate.value:.4f}", f"{gate.limit:.4f}", gate.message) for gate in result.gates]
    scores = ", ".join(
        f"{name} {value:.4f}" for name, value in result.metrics.items() if name in {"f1_macro", "accuracy", "r2", "mae"}
    )
    return "\n\n".join(
        [
            f"**Is version {result.version} of {escape(result.model)} to become champion?**",
            escape(result.verdict),
            f"On {result.rows['test']:,} test rows: {scores}.",
            f"Answer until {until:%Y-%m-%d %H:%M %Z}; then it is refused.",
            table(("gate", "value", "limit", "in words"), rows),
        ]
    )


def _retell(tracking: Tracking, result: RunResult) -> RunResult:
    """Return a run's result as it stands since somebody decided, and let its MLflow run say the same."""
    version = tracking.client.get_model_version(result.model, result.version)
    promoted = version.tags.get(PROMOTED) == "true" and SINCE in version.tags
    verdict = f"{'Promoted' if promoted else 'Refused'}: {result.verdict.removeprefix(WAITS)}"
    told = result.model_copy(
        update={
            "promoted": promoted,
            "verdict": verdict,
            "aliases": aliases_of(tracking, result.model, result.version),
            "standing": tell_standing(tracking, result.model, result.version),
        }
    )
    set_tags(tracking, result.run_id, {"thawline.promoted": str(promoted).lower(), "thawline.verdict": verdict[:5000]})
    kept = told.model_copy(update={"unchanged": False, "registered": True})
    tracking.client.log_text(result.run_id, json.dumps(kept.model_dump(mode="json"), indent=2), RESULT_FILE)
    return told
