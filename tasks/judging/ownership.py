"""Whose a classifier is: one name in MLflow belongs to one workspace, and to one label set.

- A workspace has an id in a file that git tracks, so that moving, renaming and cloning it change nothing; a copy of a
  workspace is the same classifier until it gets another name in its params.yaml.
- The experiment and the registered model of a name carry the id as a tag. Another workspace is refused before it does
  anything: it would be judged against a champion of another task, and take its place.
- The registered model carries the labels of its newest version. Data that has none of them is another task, too.

What is there already without such tags is taken over by the first workspace that runs.
"""

import json
import secrets
from collections.abc import Sequence

from mlflow.entities.model_registry import RegisteredModel

from tasks.tracking.runs import Tracking, open_tracking, service_errors
from thawline.errors import UsageError
from thawline.params import Params
from thawline.system.addresses import masked
from thawline.system.files import storage_errors, write_atomically
from thawline.workspace import Workspace

WORKSPACE = "thawline.workspace"
LABELS = "thawline.labels"
MAX_TAG_CHARS = 5000
NUM_SHOWN = 5


def claim(tracking: Tracking, workspace: Workspace, name: str) -> None:
    """Tie the experiment and the registered model of `name` to the workspace, which gets an id if it has none.

    Call it under the workspace's lock, before any work.

    Raises:
        UsageError: They are another workspace's.
        StorageError: No permission or no space.
    """
    require_own(tracking, workspace, name)
    own = _read_id(workspace)
    if not own:
        own = secrets.token_hex(8)
        with storage_errors():
            write_atomically(workspace.id_file, f"{own}\n".encode())
    with service_errors(tracking.uri):
        tracking.client.set_experiment_tag(tracking.experiment_id, WORKSPACE, own)
        if _registered(tracking, name) is not None:
            tracking.client.set_registered_model_tag(name, WORKSPACE, own)


def open_own(workspace: Workspace, params: Params) -> Tracking:
    """Open the workspace's tracking store, in which the classifier's name is its own.

    Raises:
        UsageError: The name is another workspace's, or `tracking.mlflow_uri` can't be used.
        ThawlineError: The store does not answer.
    """
    tracking = open_tracking(workspace, params)
    require_own(tracking, workspace, params.name)
    return tracking


def require_own(tracking: Tracking, workspace: Workspace, name: str) -> None:
    """See to it that the classifier of this name is not another workspace's; nothing is changed.

    Raises:
        UsageError: It is.
    """
    own = _read_id(workspace)
    with service_errors(tracking.uri):
        model, experiment = _registered(tracking, name), tracking.client.get_experiment(tracking.experiment_id)
    for what, tags in (("registered model", model.tags if model else {}), ("experiment", experiment.tags)):
        owner = tags.get(WORKSPACE)
        if owner not in {None, own}:
            raise UsageError(
                f"the {what} {name!r} at {masked(tracking.uri)} belongs to another workspace (its id is {owner}, that "
                f"of {workspace.root} is {own or 'not made yet'}), whose champion this one would be judged against and "
                "replace; give this one another `name` in params.yaml. If it is the same classifier whose id was lost, "
                f"write {owner} into {workspace.id_file}"
            )


def require_same_task(tracking: Tracking, name: str, labels: Sequence[str]) -> None:
    """See to it that the registered model of this name and the data have a label in common.

    Raises:
        UsageError: They have none.
    """
    with service_errors(tracking.uri):
        model = _registered(tracking, name)
    known = json.loads(model.tags.get(LABELS, "[]")) if model else []
    if known and not set(known) & set(labels):
        raise UsageError(
            f"the registered model {name!r} answers {_shown(known)}, and the data is labelled {_shown(labels)}: that "
            "is another task, and its champion can't be compared; give this classifier another `name` in params.yaml"
        )


def own_registered_model(tracking: Tracking, workspace: Workspace, name: str, labels: Sequence[str]) -> None:
    """Make the registered model of `name` where there is none, tied to the workspace and to the labels of today."""
    if _registered(tracking, name) is None:
        tracking.client.create_registered_model(name, tags={WORKSPACE: _read_id(workspace)})
    told = json.dumps(sorted(labels), ensure_ascii=False)
    if len(told) <= MAX_TAG_CHARS:
        tracking.client.set_registered_model_tag(name, LABELS, told)
    else:
        tracking.client.delete_registered_model_tag(name, LABELS)


def _registered(tracking: Tracking, name: str) -> RegisteredModel | None:
    return next(iter(tracking.client.search_registered_models(f"name = '{name}'")), None)


def _read_id(workspace: Workspace) -> str:
    path = workspace.id_file
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _shown(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - NUM_SHOWN} more" if len(labels) > NUM_SHOWN else ""
    return ", ".join(map(repr, sorted(labels)[:NUM_SHOWN])) + more
