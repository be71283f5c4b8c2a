"""The DVC remote: a second home for the data, in a directory or in S3, set by `versioning.remote`.

Credentials and endpoint come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, ...) or from files of the
cloud's own tools, never from params.
"""

import configparser
import logging
import re
from pathlib import Path

from tasks.versions.dvc_locks import read_stages
from tasks.versions.dvc_repo import init_dvc, run_dvc
from thawline.errors import DataRefusedError, DvcError, ServiceError, StorageError, UsageError
from thawline.params import Params
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

REMOTE = "thawline"
EMBEDDED = "local"
"""The remote inside .thawline/ that a new workspace has: no second home."""


def set_remote(workspace: Workspace, params: Params) -> str:
    """Make `versioning.remote` the workspace's default DVC remote and return its address, a path as an absolute one.

    A path that is relative to the workspace stays so in .dvc/config: it holds in each clone beside such a directory.
    Where the param is unset, a default remote that the user has set with DVC itself is taken.

    Raises:
        UsageError: There is neither.
        DvcError: DVC refused.
    """
    init_dvc(workspace)
    wanted = params.versioning.remote
    name, stored = _default_remote(workspace)
    address = stored and _absolute(stored, workspace.root / ".dvc")
    if wanted is None:
        if name in {None, EMBEDDED} or address is None:
            raise UsageError(
                "versioning.remote is not set, so there is nowhere to push to or pull from; set it in params.yaml to a "
                "directory or to s3://BUCKET/PATH"
            )
        return address
    place = _absolute(wanted, workspace.root)
    is_relative = "://" not in wanted and not Path(wanted).expanduser().is_absolute()
    if (name, address) != (REMOTE, place) or (is_relative and stored == address):
        run_dvc(workspace, "remote", "add", "-f", "-d", REMOTE, wanted if is_relative else place)
    return place


def push(workspace: Workspace, params: Params) -> int:
    """Copy to the remote what it lacks of all tracked files and return how many files went.

    Raises:
        UsageError: There is no remote.
        ServiceError: It does not answer, or refuses; what is there stays.
    """
    address = set_remote(workspace, params)
    try:
        return _count(run_dvc(workspace, "push", "--no-run-cache"), "pushed")
    except (DvcError, StorageError) as error:
        raise _explain("push to", address, error, "run `thawline data push`: nothing was lost here") from error


def pull(workspace: Workspace, params: Params, targets: list[str] | None = None) -> int:
    """Bring from the remote what is missing here, of `targets` or of all tracked files; return how many came.

    Raises:
        UsageError: There is no remote.
        ServiceError: It does not answer, refuses, or lacks a file.
    """
    address = set_remote(workspace, params)
    try:
        of = [targets] if targets else _known(workspace)
        return sum(_count(run_dvc(workspace, "pull", "--no-run-cache", *each), "fetched") for each in of)
    except (DvcError, StorageError) as error:
        remedy = "where the data is, run `thawline data push`, then run this again"
        raise _explain("pull from", address, error, remedy) from error


def _known(workspace: Workspace) -> list[list[str]]:
    """Return all that DVC knows the bytes of: stages that have run, and tracked files, of which it takes no mixture."""
    tracks = [str(path.relative_to(workspace.root)) for path in sorted((workspace.root / "data").rglob("*.dvc"))]
    return [targets for targets in (list(read_stages(workspace)), tracks) if targets]


def restore_missing(workspace: Workspace, params: Params) -> list[str]:
    """Bring back accepted files, and the split ledger, that are tracked but not here: from the cache or the remote.

    Returns:
        Names of the accepted files that came back.

    Raises:
        DataRefusedError: A file is nowhere to be found; going on without it would lose its rows silently.
        ServiceError: The remote does not answer.
    """
    missing = missing_raw_files(workspace)
    if missing:
        _bring(workspace, params, [f"data/raw/{name}.dvc" for name in missing])
    if workspace.dvc_lock.exists() and not workspace.ledger.exists():
        _bring(workspace, params, [str(workspace.ledger.relative_to(workspace.root))])
    lost = missing_raw_files(workspace)
    if lost:
        where = params.versioning.remote or "no remote: versioning.remote is unset"
        raise DataRefusedError(
            f"{', '.join(lost)}: tracked in data/raw, but neither here, nor in DVC's cache, nor in a remote "
            f"({where}); "
            "run `thawline data push` where the files are, or `thawline data remove FILE` to go on without them"
        )
    return missing


def _bring(workspace: Workspace, params: Params, targets: list[str]) -> None:
    """Take what there is of some targets from the cache, the rest from the remote, if there is one.

    The targets are all .dvc files or all outputs of stages: of a mixture DVC brings only a part, and says nothing.
    """
    run_dvc(workspace, "checkout", "--allow-missing", *targets)
    if params.versioning.remote is not None and not all(
        (workspace.root / target.removesuffix(".dvc")).exists() for target in targets
    ):
        pull(workspace, params, ["--allow-missing", *targets])


def missing_raw_files(workspace: Workspace) -> list[str]:
    """Return names of accepted files that DVC tracks and that are not there, sorted."""
    tracked = sorted(path.name.removesuffix(".dvc") for path in workspace.raw.glob("*.dvc"))
    return [name for name in tracked if not (workspace.raw / name).exists()]


def _default_remote(workspace: Workspace) -> tuple[str | None, str | None]:
    """Return name and address of DVC's default remote, as it stands in its config; a path may be relative to .dvc."""
    config = configparser.ConfigParser(interpolation=None)
    for name in ("config", "config.local"):
        config.read(workspace.root / ".dvc" / name)
    remote = config.get("core", "remote", fallback=None)
    return remote, config.get(f"'remote \"{remote}\"'", "url", fallback=None)


def _absolute(address: str, base: Path) -> str:
    if "://" in address:
        return address
    return str((base / Path(address).expanduser()).resolve())


def _count(output: str, verb: str) -> int:
    found = re.search(rf"(\d+) files? {verb}", output)
    return int(found.group(1)) if found else 0


_REMEDIES = {
    "Could not connect to the endpoint": "is the service up, and AWS_ENDPOINT_URL right?",
    "Unable to locate credentials": "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "NoSuchBucket": "make the bucket, or mend its name",
    "bucket does not exist": "make the bucket, or mend its name",
    "Access Denied": "these credentials lack the right to read and write there",
    "AccessDenied": "these credentials lack the right to read and write there",
    "InvalidAccessKeyId": "AWS_ACCESS_KEY_ID is not known there",
    "Permission denied": "this user may not write there",
    "No space left": "the disk there is full",
    "Missing cache files": "some files were never pushed there",
}


def _explain(what: str, address: str, error: Exception, remedy: str) -> ServiceError:
    output = str(error)
    cause = next((f"{words}: {hint}" for words, hint in _REMEDIES.items() if words in output), None)
    lines = [line for line in output.splitlines() if line.startswith("ERROR")] or output.splitlines()[-2:]
    return ServiceError(f"can't {what} {address}: {cause or ' '.join(lines)[:500]}; then {remedy}")
