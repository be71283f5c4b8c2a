from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.services.deployments import choose_stale, identify, list_deployments
from thawline.errors import UsageError, WorkspaceError
from thawline.params import Params
from thawline.workspace import Workspace

PARAMS = Params.model_validate(
    {"name": "mails", "schedule": {"score": "0 6 * * *", "train": "0 3 * * 0"}, "watch": {"sample": 0.1}}
)


def test_no_payload_of_an_event_reaches_a_flow(tmp_path: Path) -> None:
    deployments = list_deployments(Workspace(tmp_path), PARAMS)
    triggers = [trigger for one in deployments for trigger in one.triggers]
    assert len(triggers) == 2
    assert all(not trigger.parameters for trigger in triggers)
    assert {one.parameters["root"] for one in deployments} == {str(tmp_path)}


def test_events_of_other_workspaces_set_nothing_off(tmp_path: Path) -> None:
    triggers = [trigger for one in list_deployments(Workspace(tmp_path), PARAMS) for trigger in one.triggers]
    for trigger in triggers:
        assert trigger.match.model_dump() == {
            "prefect.resource.id": "thawline.workspace.mails",
            "thawline.root": str(tmp_path),
        }


def test_schedules_are_those_of_the_params(tmp_path: Path) -> None:
    found = {
        one.name.partition("-mails")[0] + "/" + one.flow_name: one
        for one in list_deployments(Workspace(tmp_path), PARAMS)
    }
    crons = {name: [entry.schedule.cron for entry in one.schedules] for name, one in found.items() if one.schedules}
    assert crons == {
        "arrivals/arrive": ["*/10 * * * *"],
        "scheduled/train": ["0 3 * * 0"],
        "scheduled/clean": ["0 4 * * *"],
        "scheduled/score": ["0 6 * * *"],
        "scheduled/watch": ["20 0 * * *"],
    }


def test_deployments_and_events_of_two_workspaces_of_one_name_are_apart(tmp_path: Path) -> None:
    one, two = (list_deployments(Workspace(tmp_path / name), PARAMS) for name in ("one", "two"))
    names = [(deployment.flow_name, deployment.name) for deployment in (*one, *two)]
    assert len(set(names)) == len(names) == 12
    assert all("mails" in name for _, name in names)
    (event,) = [trigger.match for deployment in two for trigger in deployment.triggers if "when-due" in deployment.name]
    assert not all(
        trigger.match.model_dump() == event.model_dump() for deployment in one for trigger in deployment.triggers
    )


def test_those_of_a_work_pool_are_called_as_ours_are_and_need_a_workspace(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("name: mails\n")
    found = identify(str(tmp_path))
    assert f"scheduled-{found['key']}" in {one.name for one in list_deployments(Workspace(tmp_path), PARAMS)}
    triggers = [trigger for one in list_deployments(Workspace(tmp_path), PARAMS) for trigger in one.triggers]
    match = {"prefect.resource.id": found["resource"], "thawline.root": found["root"]}
    assert [trigger.match.model_dump() for trigger in triggers] == [match, match]
    with pytest.raises(UsageError, match="THAWLINE_WORKSPACE is not set"):
        identify()
    with pytest.raises(WorkspaceError):
        identify(str(tmp_path.parent))


def test_only_runs_of_this_workspace_that_nobody_works_at_are_closed(tmp_path: Path) -> None:
    here, there = {"root": str(tmp_path)}, {"root": str(tmp_path / "other")}
    served, by_hand, others, foreign = (
        SimpleNamespace(parameters=parameters, deployment_id=deployment)
        for parameters, deployment in ((here, "1"), (here, None), (there, "2"), ({}, None))
    )
    found = [served, by_hand, others, foreign]
    assert choose_stale(found, Workspace(tmp_path), is_free=False) == [served]
    assert choose_stale(found, Workspace(tmp_path), is_free=True) == [served, by_hand]
