"""DVC: which data and params made which file. Its command line is called under the lock `data`.

`dvc repro` runs without the run cache: the split ledger is an output that only grows, and the cache would bring back
an older one.
"""

import configparser
import hashlib
import io
import itertools
import json
import logging
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from tasks.rules import bring_stages, stages_before_training
from tasks.versions import dvc_command
from tasks.versions.dvc_locks import read_stages, remove_stale_lock
from tasks.versions.git_command import git_root
from tasks.versions.stage_outputs import note_outputs
from thawline.errors import DataRefusedError, DvcError, StorageError
from thawline.rooms import without_safe_path
from thawline.servers.tied import TiedProcess
from thawline.system.files import pack_directory, pack_files, storage_errors, sync, write_atomically
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

ASSIGNED = ("test_share", "seed")
"""Params of the section `split` that are of new rows alone: the ledger keeps where old ones went."""
LABELS = "ingest.label_column"
"""Whose labels the rows were stratified by."""
DVC_TIMEOUT_S = 24 * 3600.0
"""Copying to a far remote may take hours; what takes longer hangs."""
MAX_LINE_BYTES = 30_000
"""Of arguments on a command line; systems take 128 kB and more."""


class Reproduction(BaseModel):
    """What `dvc repro` did: stages run and stages skipped as unchanged, and the version of the data they made."""

    model_config = ConfigDict(frozen=True)

    ran: list[str]
    skipped: list[str]
    data_version: str


def init_dvc(workspace: Workspace) -> None:
    """Make the workspace a DVC repository with a local default remote, if it is none yet.

    Raises:
        StorageError: No permission or no space.
    """
    if not (workspace.root / ".dvc").is_dir():
        write_dvc_config(workspace, with_git=git_root(workspace.root) is not None)


def write_dvc_config(workspace: Workspace, *, with_git: bool) -> None:
    """Write what makes a directory a DVC repository, below somebody else's, too.

    `dvc init` would do the same, but for adding files to the index of whoever's git repository lies around it.

    Raises:
        StorageError: No permission or no space.
    """
    config = configparser.ConfigParser(interpolation=None)
    config["core"] = {"analytics": "false", "autostage": "false", "remote": "local"}
    if not with_git:
        config["core"]["no_scm"] = "true"
    config["'remote \"local\"'"] = {"url": "../.thawline/dvc-remote"}
    text = io.StringIO()
    config.write(text)
    directory = workspace.root / ".dvc"
    write_atomically(directory / ".gitignore", b"/config.local\n/tmp\n/cache\n")
    write_atomically(directory / "config", text.getvalue().encode())


def add_raw_file(workspace: Workspace, source: Path, beside: Sequence[Path] = ()) -> Path:
    """Copy `source` into data/raw under its name and content hash, and track it with DVC; doing it twice is harmless.

    An arrival is one file that never changes: a directory becomes one zip, and so does a file with others beside it.

    Args:
        workspace: Where to.
        source: A file or directory.
        beside: Files below the directory of `source` that belong to it (`Modality.beside`).

    Returns:
        The file in data/raw.

    Raises:
        StorageError: No permission or no space.
        DvcError: DVC refused.
    """
    name, packed = pack(source, beside)
    content = source.read_bytes() if packed is None else packed
    stem, dot, extensions = name.partition(".")
    target = workspace.raw / f"{stem}-{hashlib.sha256(content).hexdigest()[:8]}{dot}{extensions}"
    with storage_errors():
        workspace.raw.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
            try:
                temporary.write_bytes(content)
                sync(temporary)
                temporary.replace(target)
                sync(target.parent)
            finally:
                temporary.unlink(missing_ok=True)
    track(workspace, str(target.relative_to(workspace.root)))
    return target


def track(workspace: Workspace, *files: str) -> None:
    """Let DVC track files as they are now; paths are relative to the workspace.

    DVC would take each away for a moment, to link it from its cache: who is killed then has lost a file that no track
    names. What somebody links on purpose (DVC's `cache.type`) `dvc checkout --relink` links again.

    Raises:
        DvcError: DVC refused.
    """
    run_dvc(workspace, "add", "--no-relink", *files)


def pack(source: Path, beside: Sequence[Path] = ()) -> tuple[str, bytes | None]:
    """Return the name of the one file that an arrival is, and its bytes; None for those of `source` as they are.

    Args:
        source: A file, or a directory: it becomes a zip.
        beside: Files below the directory of `source` that belong to it: all become one zip.
    """
    if source.is_dir():
        return f"{source.name.replace('.', '_')}.zip", pack_directory(source)
    if beside:
        return f"{source.name.partition('.')[0]}.zip", pack_files(source.parent, [source, *beside])
    return source.name, None


def reproduce_data(workspace: Workspace, *, force: bool = False) -> Reproduction:
    """Bring train and test rows up to date: run the DVC stages whose data or params changed, or all by `force`.

    Raises:
        DataRefusedError: A stage refused the data.
        DvcError: A stage or DVC itself failed; the message holds the end of its output.
    """
    bring_stages(workspace)
    _restore_ledger(workspace)
    note_outputs(workspace)
    targets = stages_before_training(workspace)
    output = run_dvc(workspace, "repro", "--no-run-cache", *(["--force"] if force else []), *targets)
    note_outputs(workspace)
    ran = re.findall(r"^Running stage '(\w+)'", output, flags=re.MULTILINE)
    skipped = re.findall(r"^Stage '(\w+)' didn't change", output, flags=re.MULTILINE)
    log.info("DVC ran %s, skipped %s", ran or "nothing", skipped or "nothing")
    return Reproduction(ran=ran, skipped=skipped, data_version=_require_version(workspace))


def take_reproduced(workspace: Workspace) -> Reproduction:
    """Return the version of the rows that are there, for who is a stage of DVC himself: no stage is run.

    Raises:
        DvcError: dvc.lock does not say what they are.
    """
    note_outputs(workspace)
    return Reproduction(ran=[], skipped=[], data_version=_require_version(workspace))


def _require_version(workspace: Workspace) -> str:
    version = find_data_version(workspace)
    if version is None:
        raise DvcError(f"{workspace.dvc_lock} does not say what the stage `split` made; run `thawline run --fresh`")
    return version


def _restore_ledger(workspace: Workspace) -> None:
    """Bring the ledger back if it is gone though dvc.lock knows it: without it old test rows could reach training.

    Where DVC has it neither in its cache nor in a remote, the ledger is made anew: the assignment of rows depends on
    their ids and the seed, so that it comes out the same for the same rows.
    """
    if workspace.ledger.exists() or not workspace.dvc_lock.exists():
        return
    try:
        run_dvc(workspace, "checkout", str(workspace.ledger.relative_to(workspace.root)))
    except DvcError:
        is_new_clone = not workspace.rows.exists()
        level = logging.INFO if is_new_clone else logging.WARNING
        log.log(level, "the split ledger is gone and DVC holds no copy: rows are assigned anew")


def find_data_version(workspace: Workspace) -> str | None:
    """Return the version of train and test rows, a hash of their hashes in dvc.lock; None where none is made yet."""
    stages = read_stages(workspace)
    if "split" not in stages:
        return None
    names = {str(path.relative_to(workspace.root)) for path in (workspace.train_rows, workspace.test_rows)}
    hashes = sorted(f"{out['path']} {out['md5']}" for out in stages["split"]["outs"] if out["path"] in names)
    return hashlib.sha256("\n".join(hashes).encode()).hexdigest()[:12]


def read_assigned(workspace: Workspace) -> dict[str, float | str]:
    """Return what the stage `split` went by when it last assigned rows; nothing where it has not run yet."""
    params = read_stages(workspace).get("split", {}).get("params", {}).get("params.yaml", {})
    labels = {"label_column": params[LABELS]} if LABELS in params else {}
    return {key: params["split"][key] for key in ASSIGNED if key in params.get("split", {})} | labels


def run_dvc(workspace: Workspace, *arguments: str) -> str:
    """Run `dvc ARGUMENTS` in the workspace and return what it printed; a lock of a killed DVC is removed.

    Raises:
        DataRefusedError: The data was refused (exit code 3 of a stage).
        StorageError: The disk is full or not writable.
        DvcError: Anything else.
    """
    status, output = _call_dvc(workspace, arguments)
    if status != 0 and remove_stale_lock(workspace):
        status, output = _call_dvc(workspace, arguments)
    if status != 0:
        raise _explain(arguments, output.strip() or f"it said nothing and ended with code {status}")
    return output


def _call_dvc(workspace: Workspace, arguments: tuple[str, ...]) -> tuple[int, str]:
    environment = {
        **without_safe_path(os.environ),  # stages that somebody added may be in the workspace
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "DVC_NO_ANALYTICS": "1",
        "PYTHONUNBUFFERED": "1",
    }
    process = TiedProcess(
        [dvc_command.__name__, *_on_command_line(workspace, arguments)],
        cwd=workspace.root,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        output, _ = process.communicate(timeout=DVC_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return 1, f"it did not end within {DVC_TIMEOUT_S / 3600:g} hours and was ended"
    finally:
        process.end()
    for line in output.splitlines():
        log.debug("dvc: %s", line)
    return process.returncode, output


def _on_command_line(workspace: Workspace, arguments: tuple[str, ...]) -> Sequence[str]:
    """Return arguments for `dvc_command`: too many for a command line, they go by a file."""
    if sum(len(os.fsencode(argument)) + 1 for argument in arguments) <= MAX_LINE_BYTES:
        return arguments
    path = workspace.state / "dvc_arguments.json"
    write_atomically(path, json.dumps(arguments).encode())
    return [dvc_command.BY_FILE, str(path)]


def _explain(arguments: tuple[str, ...], output: str) -> Exception:
    tail = "\n".join(output.splitlines()[-15:])
    command = f"dvc {' '.join(arguments)}" if len(arguments) <= 9 else f"dvc {' '.join(arguments[:9])} ..."
    if "exited with 3" in output:
        return DataRefusedError(_words_of_stage(output) or tail)
    if "No space left" in output or "Permission denied" in output:
        return StorageError(f"`{command}` can't write:\n{tail}\nfree space or mend permissions")
    remedy = "run it by hand in the workspace for the whole output"
    if "is git-ignored" in output:
        remedy = "`git check-ignore -v FILE` names the rule; take it back by a line !FILE in the workspace's .gitignore"
    return DvcError(f"`{command}` failed:\n{tail}\n{remedy}")


def _words_of_stage(output: str) -> str:
    """Return what the last stage itself printed, without DVC's lines before and after it."""
    _, command, said = output.rpartition("> python ")
    lines = itertools.takewhile(lambda line: "ERROR: failed to reproduce" not in line, said.splitlines()[1:])
    return "\n".join(lines).strip() if command else ""
