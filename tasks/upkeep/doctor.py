"""What is installed, reachable and missing, each with a remedy."""

import importlib.metadata
import os
import shutil
from collections.abc import Iterator

from tasks.upkeep.connections import examine_connections
from tasks.upkeep.early_checks import examine_directories
from tasks.upkeep.findings import Finding
from tasks.versions.git_command import ignoring_rule
from thawline.errors import ThawlineError
from thawline.params import Params
from thawline.params.file import load_params
from thawline.system.addresses import masked
from thawline.workspace import Workspace

LIBRARIES = ("torch", "transformers", "mlflow", "prefect", "great_expectations", "dvc", "scikit-learn", "pandas")
MIN_FREE_BYTES = 2 * 1024**3


def examine(workspace: Workspace | None) -> list[Finding]:
    """Look at the installation and, if there is one, at the workspace and the services it names."""
    findings = [*_programs(), *_libraries(), _device()]
    if workspace is None:
        return [*findings, Finding(what="workspace", ok=False, found="none here", remedy="make one: `thawline init`")]
    findings += _directory(workspace)
    try:
        params = load_params(workspace)
    except ThawlineError as error:
        return [*findings, Finding(what="params.yaml", ok=False, found=str(error), remedy="correct the file")]
    return [
        *findings,
        Finding(what="params.yaml", ok=True, found=f"valid, name {params.name!r}, modality {params.modality!r}"),
        _encoder(workspace, params),
        _tracking(workspace, params),
        _prefect(),
        *examine_connections(params),
        *examine_directories(workspace, params),
    ]


def _programs() -> Iterator[Finding]:
    for name in ("git",):
        path = shutil.which(name)
        yield Finding(what=name, ok=path is not None, found=path or "not found", remedy=f"install {name}")


def _libraries() -> Iterator[Finding]:
    for name in LIBRARIES:
        try:
            yield Finding(what=name, ok=True, found=importlib.metadata.version(name))
        except importlib.metadata.PackageNotFoundError:
            yield Finding(what=name, ok=False, found="not installed", remedy="run `make setup`")


def _device() -> Finding:
    from models.hardware.devices import choose_device

    return Finding(what="device", ok=True, found=str(choose_device("auto")))


def _directory(workspace: Workspace) -> Iterator[Finding]:
    root = workspace.root
    free = shutil.disk_usage(root).free
    yield Finding(
        what="disk",
        ok=free >= MIN_FREE_BYTES,
        found=f"{free / 1024**3:.1f} GiB free",
        remedy="free some space: activations, models and data versions need it",
    )
    writable = os.access(root, os.W_OK)
    yield Finding(what="workspace", ok=writable, found=str(root), remedy="give this user the right to write there")
    rule = ignoring_rule(workspace.dvc_lock)
    yield Finding(
        what="dvc.lock",
        ok=rule is None,
        found=f"ignored by git: {rule}" if rule else "seen by git, or no git here",
        remedy="add the line !/dvc.lock to the workspace's .gitignore: DVC refuses to work with it ignored",
    )
    raw = sorted(path.name for path in workspace.raw.glob("*.dvc")) if workspace.raw.is_dir() else []
    yield Finding(what="data/raw", ok=True, found=f"{len(raw)} files tracked by DVC")


def _encoder(workspace: Workspace, params: Params) -> Finding:
    from modalities import encoder_name, get_modality
    from models.encoders.loading import resolve_encoder

    name = encoder_name(params)
    if get_modality(params.modality).fits_encoder(params):
        return Finding(what="encoder", ok=True, found=f"{name or params.model.encoder} (made from the training rows)")
    if not name:
        return Finding(what="encoder", ok=True, found=f"none: {params.modality} has no pretrained one")
    try:
        source = resolve_encoder(name, root=workspace.root)
    except ThawlineError as error:
        return Finding(what="encoder", ok=False, found=name, remedy=str(error))
    return Finding(what="encoder", ok=True, found=f"{name} ({source.kind})")


def _tracking(workspace: Workspace, params: Params) -> Finding:
    from tasks.tracking.runs import open_tracking, tracking_uri

    try:
        uri = tracking_uri(workspace, params)
        open_tracking(workspace, params)
    except ThawlineError as error:
        return Finding(what="MLflow", ok=False, found="can't be used", remedy=str(error))
    return Finding(what="MLflow", ok=True, found=masked(uri))


def _prefect() -> Finding:
    import httpx

    url = os.environ.get("PREFECT_API_URL")
    if url is None:
        return Finding(what="Prefect", ok=True, found="a temporary server for each run (PREFECT_API_URL is not set)")
    user, colon, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
    try:
        httpx.get(f"{url}/health", auth=(user, password) if colon else None, timeout=5).raise_for_status()
    except httpx.HTTPError as error:
        remedy = "start it with `prefect server start`, or unset PREFECT_API_URL"
        return Finding(what="Prefect", ok=False, found=f"{url}: {error}", remedy=remedy)
    return Finding(what="Prefect", ok=True, found=url)
