"""What a training needs, imported and loaded while the command would only wait for another process.

Prefect's temporary server takes some seconds to start, DVC's stages do too. The main thread imports and loads what
comes first before it asks for the server; what comes after DVC is imported by a second thread while the main thread
waits for DVC and so imports nothing: two threads that import the same libraries at once might see halves of them. A run
in which nothing changed needs none of it.
"""

from importlib import import_module

from tasks.judging.past_runs import is_unchanged
from tasks.tracking.runs import open_tracking
from tasks.versions.dvc_repo import find_data_version
from tasks.versions.prepare import is_checked
from thawline.context import Context, hash_code
from thawline.errors import ThawlineError
from thawline.params import Params
from thawline.system.garbage_collection import importing
from thawline.workspace import Workspace

BEFORE_CHECKS = (
    *("mlflow.store.tracking.sqlalchemy_store", "tasks.training.setup"),
    *("expectations.suites", "expectations.validation", "expectations.pages"),
)
BEFORE_TRAINING = (
    *("flows.judged_training", "tasks.profiling.page", "sklearn.manifold", "sklearn.decomposition", "sklearn.ensemble"),
    *("sklearn.feature_extraction.text", "sklearn.linear_model", "skops.io"),
)
"""Modules in the order in which a run comes to them; by name, as this module uses none of them."""


def preload_if_due(workspace: Workspace, params: Params, *, fresh: bool) -> None:
    """Import what the checks need and load the encoder, if the run will probably train."""
    if not is_training_likely(workspace, params, fresh=fresh):
        return
    for name in BEFORE_CHECKS:
        import_module(name)
    if params.validation.embedding:
        from tasks.checking.encode_rows import load_ahead

        load_ahead(params, workspace)


def import_training() -> None:
    """Import what comes after the stages."""
    with importing():
        for name in BEFORE_TRAINING:
            import_module(name)


def look_at_packages() -> None:
    """Let MLflow look through what is installed, which it does once before it logs a model."""
    from tasks.judging.registry import list_packages

    list_packages()


def is_training_likely(workspace: Workspace, params: Params, *, fresh: bool) -> bool:
    """Tell from what earlier runs left, without DVC's look at the stages, whether this one will train.

    A wrong guess costs time and changes nothing.
    """
    version = find_data_version(workspace)
    if fresh or version is None or not is_checked(workspace, params):
        return True
    context = Context(root=workspace.root, params=params, data_version=version, code_version=hash_code())
    try:
        return not is_unchanged(context.key(), open_tracking(workspace, params))
    except ThawlineError:  # said again where it stops the run
        return False
