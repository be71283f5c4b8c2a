"""People are told: automations on the Prefect server that send what happened to the notification blocks of the params.

- An automation is known by its name, 'NAME: SUBJECT', and the workspace's directory among its tags, and made to say
  what is said here, as often as one likes; whoever has paused one in Prefect's pages finds it paused.
- Addresses hold passwords, so they are in no file: they stand in blocks on the server, or in the environment as
  THAWLINE_NOTIFY, from where they are put into blocks. Any address that apprise understands will do: Slack's webhooks,
  mailto://, jsons:// and a hundred more.
- Prefect's templates see an event's payload as values: a template in a file's name is text.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from apprise import Apprise
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block
from prefect.blocks.notifications import SlackWebhook
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.events import EventTrigger
from prefect.events.actions import SendNotification
from prefect.events.schemas.automations import AutomationCore, Posture
from prefect.exceptions import ObjectNotFound

from tasks.arriving.announcements import (
    MODEL_ALARM,
    MODEL_PROMOTED,
    MODEL_REFUSED,
    MODEL_WAITS,
    REFUSED,
    server_key,
    workspace_resource,
)
from thawline.errors import UsageError
from thawline.params import Params
from thawline.workspace import Workspace

ADDRESSES = "THAWLINE_NOTIFY"
MADE = "Made by thawline"
BLOCK_TYPE = "slack-webhook"
"""Prefect's block for any apprise address that needs no package more; it is not for Slack alone."""


@dataclass(frozen=True)
class Subject:
    """What people are told of: the events, and templates of what is said; of the workspace, or of flow runs."""

    events: frozenset[str]
    title: str
    body: str
    of_flow_runs: bool = False


SUBJECTS = {
    "data refused": Subject(
        frozenset({REFUSED}),
        "{{ event.payload.num_files }} files refused",
        "{{ event.payload.reasons | join('\n') }}\n\nThey lie in data/quarantine: `thawline quarantine list`.",
    ),
    "flow failed": Subject(
        frozenset({"prefect.flow-run.Failed", "prefect.flow-run.Crashed"}),
        "{{ flow.name }}: {{ flow_run.state.name }}",
        "{{ flow_run.state.message }}\n\n{{ flow_run | ui_url }}\nThe next run goes on from what is done.",
        of_flow_runs=True,
    ),
    "model refused": Subject(
        frozenset({MODEL_REFUSED}),
        "version {{ event.payload.version }} was refused",
        "{{ event.payload.verdict }}\n\n`thawline show {{ event.payload.run_id }}` lists the gates.",
    ),
    "model waits": Subject(
        frozenset({MODEL_WAITS}),
        "version {{ event.payload.version }} waits for a person",
        "{{ event.payload.verdict }}\n\nThe page of its flow run in Prefect has a form.",
    ),
    "model drifts": Subject(
        frozenset({MODEL_ALARM}),
        "version {{ event.payload.version }} meets other data",
        "{{ event.payload.period }}:\n{{ event.payload.alarms | join('\n') }}\n\n`thawline watch` shows all periods.",
    ),
    "model promoted": Subject(
        frozenset({MODEL_PROMOTED}),
        "version {{ event.payload.version }} is champion",
        "{{ event.payload.verdict }}\n\n`thawline rollback` takes it back.",
    ),
}


def list_automations(workspace: Workspace, params: Params, blocks: Mapping[str, UUID]) -> list[AutomationCore]:
    """Return the automations of a workspace: one a subject, which tells every block.

    Args:
        workspace: Whose.
        params: Its params.
        blocks: Ids of block documents by the blocks' names.
    """
    return [
        AutomationCore(
            name=f"{params.name}: {name}",
            description=f"{MADE}; changed here, it is changed back at the next start, but for being paused.",
            tags=[params.name, str(workspace.root)],
            trigger=_trigger(workspace, params, subject),
            actions=[
                SendNotification(block_document_id=block, subject=f"{params.name}: {subject.title}", body=subject.body)
                for block in blocks.values()
            ],
        )
        for name, subject in SUBJECTS.items()
    ]


def set_up_notifications(workspace: Workspace, params: Params) -> list[str]:
    """Bring blocks and automations on the Prefect server to what params and environment say; return the blocks' names.

    Raises:
        UsageError: A block is not there, or an address can't be understood; nothing has changed.
    """
    addresses = _read_addresses()
    with get_client(sync_client=True) as client:
        blocks = {name: _find_block(client, name) for name in params.notify.blocks}
        blocks |= _keep_addresses(client, server_key(workspace, params), addresses)
        former = [one for one in client.read_automations() if _is_own(one, workspace, params)]
        wanted = {automation.name: automation for automation in list_automations(workspace, params, blocks)}
        for name, automation in wanted.items():
            there = [one for one in former if one.name == name]
            if not blocks:
                for one in there:
                    client.delete_automation(one.id)
            elif there:
                client.update_automation(there[0].id, automation.model_copy(update={"enabled": there[0].enabled}))
            else:
                client.create_automation(automation)
        for one in former:
            if one.name not in wanted:
                client.delete_automation(one.id)  # the workspace had another name
    return list(blocks)


def send_test(params: Params, names: list[str]) -> None:
    """Send a message to every block named, from here.

    Raises:
        prefect.blocks.abstract.NotificationError: One could not be delivered.
    """
    for name in names:
        block = Block.load(name)
        assert isinstance(block, NotificationBlock)  # noqa: S101 - was looked at when it was set up
        with block.raise_on_failure():
            sending: Any = block.notify  # in a plain function it is called, not awaited, whatever its type says
            sending("This is a test: whoever reads this is told of the workspace.", f"{params.name}: test")


def _is_own(automation: AutomationCore, workspace: Workspace, params: Params) -> bool:
    """Tell whether an automation was made for this workspace, by a version too that named no directory."""
    made = automation.description.startswith(MADE)
    return made and (str(workspace.root) in automation.tags or list(automation.tags) == [params.name])


def _trigger(workspace: Workspace, params: Params, subject: Subject) -> EventTrigger:
    runs: dict[str, Any] = {
        "match": {"prefect.resource.id": "prefect.flow-run.*"},
        "match_related": {"prefect.resource.id": f"prefect.tag.{workspace.root}", "prefect.resource.role": "tag"},
    }
    about = runs if subject.of_flow_runs else {"match": workspace_resource(workspace, params)}
    return EventTrigger(expect=set(subject.events), posture=Posture.Reactive, threshold=1, **about)


def _read_addresses() -> list[str]:
    """Return the addresses of the environment, one after white space each.

    Raises:
        UsageError: One can't be understood; it is not shown, as it may hold a password.
    """
    addresses = os.environ.get(ADDRESSES, "").split()
    for number, address in enumerate(addresses, start=1):
        if not Apprise().add(address):
            raise UsageError(
                f"address {number} of {len(addresses)} in {ADDRESSES} is none that apprise understands; write one such "
                "as mailto://USER:PASSWORD@HOST, https://hooks.slack.com/services/A/B/C or jsons://HOST/PATH"
            )
    return addresses


def _find_block(client: SyncPrefectClient, name: str) -> UUID:
    kind, _, own_name = name.partition("/")
    try:
        document = client.read_block_document_by_name(own_name, kind)
    except ObjectNotFound:
        raise UsageError(
            f"notify.blocks names {name!r}, which the Prefect server {client.api_url} does not have; make it there "
            "under Blocks, or mend the name"
        ) from None
    if "notify" not in (document.block_schema.capabilities if document.block_schema else []):
        raise UsageError(f"notify.blocks names {name!r}, which is no block for notifications; name one such as {KINDS}")
    return document.id


KINDS = "slack-webhook/TEAM or sendgrid-email/TEAM"


def _keep_addresses(client: SyncPrefectClient, key: str, addresses: list[str]) -> dict[str, UUID]:
    """Put addresses into blocks of the workspace's own; remove those that held more of them."""
    stem = re.sub(r"[^a-z0-9]+", "-", f"thawline-{key.lower()}").strip("-")
    own = {
        str(document.name): document.id
        for document in _list_blocks(client)
        if re.fullmatch(rf"{stem}-\d+", str(document.name))
    }
    blocks = {}
    for number, address in enumerate(addresses, start=1):
        name = f"{stem}-{number}"
        saving: Any = SlackWebhook.model_validate({"url": address}).save
        blocks[f"{BLOCK_TYPE}/{name}"] = saving(name, overwrite=True)
        own.pop(name, None)
    for document_id in own.values():
        client.delete_block_document(document_id)
    return blocks


def _list_blocks(client: SyncPrefectClient) -> list[Any]:
    try:
        return list(client.read_block_documents_by_type(BLOCK_TYPE, include_secrets=False))
    except ObjectNotFound:
        return []  # the type is registered when the first is saved
