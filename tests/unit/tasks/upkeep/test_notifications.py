"""People are told of what they asked for, by what the server keeps; and no text of others is run as a template."""

import asyncio
import os
from pathlib import Path
from uuid import UUID

import pytest
from prefect.server.events.schemas.automations import Automation
from prefect.server.utilities.user_templates import render_user_template, validate_user_template
from pydantic import ValidationError

from tasks.arriving.announcements import MODEL_ALARM, MODEL_PROMOTED, MODEL_REFUSED, MODEL_WAITS, REFUSED
from tasks.upkeep.notifications import SUBJECTS, list_automations, set_up_notifications
from thawline.errors import UsageError
from thawline.params import Params
from thawline.workspace import Workspace

SPACE = Workspace(Path("/srv/mails"))
PARAMS = Params.model_validate({"name": "mails"})
BLOCKS = {"slack-webhook/team": UUID(int=1), "sendgrid-email/boss": UUID(int=2)}


def test_each_subject_has_one_automation_that_tells_every_block() -> None:
    automations = list_automations(SPACE, PARAMS, BLOCKS)
    assert [automation.name for automation in automations] == [f"mails: {subject}" for subject in SUBJECTS]
    for automation in automations:
        assert [action.block_document_id for action in automation.actions] == list(BLOCKS.values())
        Automation.model_validate(automation.model_dump(mode="json"))  # as the server reads it


def test_they_are_set_off_by_this_workspace_alone() -> None:
    automations = {
        automation.name.partition(": ")[2]: automation for automation in list_automations(SPACE, PARAMS, BLOCKS)
    }
    events = {name: automation.trigger.expect for name, automation in automations.items()}
    assert events == {
        "data refused": {REFUSED},
        "flow failed": {"prefect.flow-run.Failed", "prefect.flow-run.Crashed"},
        "model refused": {MODEL_REFUSED},
        "model waits": {MODEL_WAITS},
        "model drifts": {MODEL_ALARM},
        "model promoted": {MODEL_PROMOTED},
    }
    failed = automations.pop("flow failed").trigger
    assert failed.match_related.model_dump()["prefect.resource.id"] == "prefect.tag./srv/mails"
    for automation in automations.values():
        assert automation.trigger.match.model_dump() == {
            "prefect.resource.id": "thawline.workspace.mails",
            "thawline.root": "/srv/mails",
        }


def test_templates_are_valid_and_a_template_in_a_payload_is_text() -> None:
    payload = {
        "num_files": 1,
        "reasons": ["{{ 7 * 7 }}.csv: {% for x in range(9) %}x{% endfor %} {{ self.__init__.__globals__ }}"],
        "version": "{{ 7 * 7 }}",
        "verdict": "{{ 7 * 7 }}",
        "run_id": "1",
        "period": "{{ 7 * 7 }}",
        "alarms": ["{{ 7 * 7 }}"],
    }
    for subject in SUBJECTS.values():
        for template in (subject.title, subject.body):
            validate_user_template(template)
            if subject.of_flow_runs:
                continue
            shown = asyncio.run(render_user_template(template, {"event": {"payload": payload}}))
            assert "49" not in shown
            assert "xxx" not in shown


def test_addresses_are_refused_without_being_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(os.environ, "THAWLINE_NOTIFY", "json://127.0.0.1/hook nonsense:user:secret")
    with pytest.raises(UsageError, match="address 2 of 2") as caught:
        set_up_notifications(SPACE, PARAMS)
    assert "secret" not in str(caught.value)
    with pytest.raises(ValidationError, match="THAWLINE_NOTIFY"):
        Params.model_validate({"name": "mails", "notify": {"blocks": ["mailto://user:secret@host"]}})
