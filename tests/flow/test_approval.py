"""A person agrees to a version, refuses it, or says nothing in time: the flow run pauses on a real Prefect server."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from mlflow import MlflowClient
from prefect import flow
from prefect.settings import PREFECT_API_URL, temporary_settings
from session import prefect_api

from tasks.judging import approval
from tasks.judging.approval import settle_approval
from tasks.judging.champion import JUDGED_AGAINST, NOBODY, PROMOTED, WAITING, aliases_of, promote
from tasks.results.outcomes import RESULT_FILE, RunResult
from tasks.tracking.runs import Tracking, open_tracking
from tests.unit.tasks.tracking.test_flow_artifacts import RESULT
from thawline.params import Params
from thawline.workspace import Workspace

pytestmark = pytest.mark.slow


@pytest.fixture
def waiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Workspace, Tracking, RunResult]]:
    """Return a workspace, its store, and the result of a run whose version has passed its gates and waits."""
    for name in ("MLFLOW_TRACKING_URI", "THAWLINE_TEMPORARY_SERVER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PREFECT_API_URL", prefect_api())
    monkeypatch.setattr(approval, "POLL_S", 0.2)
    workspace = Workspace(tmp_path)
    workspace.state.mkdir()
    tracking = open_tracking(workspace, Params.model_validate({"name": "mails"}))
    run = tracking.client.create_run(tracking.experiment_id)
    tracking.client.create_registered_model("mails")
    tags = {PROMOTED: WAITING, JUDGED_AGAINST: NOBODY}
    version = tracking.client.create_model_version("mails", run.info.artifact_uri, run.info.run_id, tags=tags)
    result = RESULT.model_copy(
        update={
            "run_id": run.info.run_id,
            "version": str(version.version),
            "verdict": "Waits for a person: finetuned passed all 2 gates.",
        }
    )
    with temporary_settings({PREFECT_API_URL: prefect_api()}):
        yield workspace, tracking, result


def ask(waiting: tuple[Workspace, Tracking, RunResult], answer: dict[str, str] | None, *, hours: float) -> RunResult:
    """Run a flow that asks, and fill in its form; without an answer nobody does."""
    workspace, tracking, result = waiting
    params = Params.model_validate({"name": "mails", "gates": {"approval": "person", "approval_hours": hours}})
    begun: list[str] = []

    @flow(name="asking")
    def asking() -> RunResult:
        from prefect.runtime import flow_run

        begun.append(str(flow_run.id))
        return settle_approval(workspace, params, tracking, result)

    def fill_in() -> None:
        while not begun or not is_taken(begun[0], answer or {}):
            time.sleep(0.2)

    person = threading.Thread(target=fill_in, daemon=True)
    if answer is not None:
        person.start()
    settled = asking()
    assert httpx.get(f"{prefect_api()}/flow_runs/{begun[0]}").json()["state_type"] == "COMPLETED"
    return settled


def is_taken(flow_run_id: str, answer: dict[str, str]) -> bool:
    """Send the form; a run that does not wait yet, or a busy server, does not take it."""
    try:
        sent = httpx.post(f"{prefect_api()}/flow_runs/{flow_run_id}/resume", json={"run_input": answer}, timeout=60)
    except httpx.HTTPError:
        return False
    return sent.status_code < 300 and sent.json()["status"] == "ACCEPT"


@pytest.mark.parametrize(
    ("answer", "hours", "promoted", "said"),
    [
        (("agree", "recall matters", "Anna"), 0.1, True, "agreed to by a person (TIME by Anna: recall matters)"),
        (("refuse", "too few rows", "Anna"), 0.1, False, "not agreed to (TIME by Anna: too few rows)"),
        (None, 0.0005, False, "not agreed to (TIME by nobody: nobody answered within 0.0005 hours)"),
    ],
    ids=["agreed", "refused", "nobody in time"],
)
def test_who_decided_and_why_stands_with_the_version_its_run_and_its_result(
    waiting: tuple[Workspace, Tracking, RunResult],
    answer: tuple[str, str, str] | None,
    hours: float,
    said: str,
    *,
    promoted: bool,
) -> None:
    form = None if answer is None else dict(zip(("decision", "reason", "name"), answer, strict=True))
    settled = ask(waiting, form, hours=hours)
    client: MlflowClient = waiting[1].client
    version, run = client.get_model_version("mails", settled.version), client.get_run(settled.run_id)
    assert settled.promoted is promoted
    assert settled.verdict.startswith("Promoted: finetuned" if promoted else "Refused: finetuned")
    before, _, after = said.partition("TIME")
    assert settled.standing.startswith(f"Version 1 was {before}")
    assert settled.standing.endswith(f"{after}.")
    assert aliases_of(waiting[1], "mails", "1") == (["champion"] if promoted else [])
    assert version.tags["thawline.decided_by"] == ("Anna" if answer else "nobody")
    assert (answer or ("", "nobody answered"))[1] in version.description
    assert run.data.tags["thawline.promoted"] == str(promoted).lower()
    assert RESULT_FILE in [item.path for item in client.list_artifacts(settled.run_id)]


def test_where_nobody_could_fill_in_a_form_the_version_waits_for_promote(
    waiting: tuple[Workspace, Tracking, RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, tracking, result = waiting
    monkeypatch.setattr(approval, "lasting_server", lambda: None)
    params = Params.model_validate({"name": "mails", "gates": {"approval": "person"}})
    assert settle_approval(workspace, params, tracking, result) is result
    assert tracking.client.get_model_version("mails", "1").tags[PROMOTED] == WAITING
    move = promote(tracking, "mails", "1", reason="agreed with the owner")
    assert move.forced is False
    assert aliases_of(tracking, "mails", "1") == ["champion"]


def test_without_the_param_nobody_is_asked(waiting: tuple[Workspace, Tracking, RunResult]) -> None:
    workspace, tracking, result = waiting
    params = Params.model_validate({"name": "mails"})
    assert settle_approval(workspace, params, tracking, result) is result
