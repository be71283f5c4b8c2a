"""Making a workspace: directories, a params.yaml that teaches, a DVC repository, the first data, MLflow's database.

It is made aside and moves in at the end, whole: whatever fails leaves the directory as it was.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from modalities import get_modality
from targets import check_target, get_target, list_targets, target_of
from tasks.checking.group_hint import hint_at_groups
from tasks.rules import DVC_YAML
from tasks.versions.dvc_repo import write_dvc_config
from tasks.versions.git_command import git_root, ignoring_rule
from tasks.versions.git_rules import hidden_by_git, require_seen, with_rules
from tasks.versions.raw_data import accept_file
from thawline.errors import ParamsError, UsageError
from thawline.formats.encodings import UTF_8, detect_encoding, read_blocks
from thawline.params import Params
from thawline.params.file import parse_params
from thawline.params.reference import render_params
from thawline.params.schema import write_schema
from thawline.system.files import storage_errors, write_atomically
from thawline.system.lock import lock_workspace
from thawline.system.staging import moved_in, replaced, staging_for
from thawline.workspace import Workspace

SIZED = ("model", "train")
"""Sections of the params of which values may follow from the rows."""


@dataclass(frozen=True)
class Made:
    """A new workspace: where it is, its params, its rows, those of each label, and what a person should know of it."""

    workspace: Workspace
    params: Params
    num_rows: int
    rows_per_label: dict[str, int]
    remarks: list[str]


def initialise(directory: Path, data: Path, params: Params) -> Made:
    """Make a workspace in `directory` with `data` as its first arrival: all of it, or nothing.

    Raises:
        UsageError: `directory` is a workspace already, holds files that one would overwrite, lies inside `data`, or
            git would hide what DVC needs.
        UnreadableFileError: `data` can't be read with the columns that `params` names.
        StorageError: No permission or no space.
        DvcError: DVC refused.
    """
    workspace = Workspace(directory.expanduser().resolve())
    data = data.expanduser().resolve()
    _require_room(workspace, data)
    params, told = _with_encoding(params, data)
    rows = get_modality(params.modality).read(data, params)
    params, reason = with_sizes(params, rows)
    hint = hint_at_groups([data], params)
    told = [*told, *reason, *([] if hint is None else [hint.sentence()])]
    with storage_errors(), staging_for(workspace.root) as staging:
        _make(Workspace(staging), params, data)
        with moved_in(staging, workspace.root), _settled_with_git(workspace) as remarks:
            return Made(workspace, params, len(rows), dict(target_of(params).count(rows["label"])), [*told, *remarks])


def _with_encoding(params: Params, data: Path) -> tuple[Params, list[str]]:
    """Return the params with the encoding that a text file is guessed to be in, unless one was given, and a remark."""
    if "encoding" in params.ingest.model_fields_set or not data.is_file():
        return params, []
    found = detect_encoding(read_blocks(data))
    if found.name == UTF_8:
        return params, []
    if not found.guessed:
        return params, [f"{data.name} is in {found.name}, by its byte order mark, which is believed of every file"]
    shown = f" (is this a word: {found.example!r}?)" if found.example else ""
    remark = (
        f"{data.name} is no UTF-8; {found.name} is a guess{shown}. It stands in ingest.encoding; where it is wrong, "
        "make the workspace anew with --set ingest.encoding=NAME"
    )
    ingest = params.ingest.model_copy(update={"encoding": found.name})
    return params.model_copy(update={"ingest": ingest}), [remark]


def with_sizes(params: Params, rows: pd.DataFrame) -> tuple[Params, list[str]]:
    """Return the params with the input sizes that the rows ask for, but those that were given, and why."""
    measure = get_modality(params.modality).sizes
    found = [] if measure is None else measure(rows, params)
    free = [each for each in found if not each.chosen.keys() & getattr(params, each.section).model_fields_set]
    for each in free:
        params = params.with_values(each.section, **each.chosen)
    return params, [each.reason for each in free]


def _make(workspace: Workspace, params: Params, data: Path) -> None:
    for path in (workspace.incoming, workspace.raw, workspace.quarantine, workspace.reports, workspace.state):
        path.mkdir(parents=True, exist_ok=True)
    with lock_workspace(workspace, "data"):
        shutil.copyfile(DVC_YAML, workspace.root / DVC_YAML.name)
        write_dvc_config(workspace, with_git=False)  # whatever git thinks of this place: the files move from here
        accept_file(workspace, params, data)
        write_atomically(workspace.params_file, render_params(params).encode())
        write_schema(workspace)


@contextmanager
def _settled_with_git(workspace: Workspace) -> Iterator[list[str]]:
    """Write .gitignore and DVC's word on git in the workspace where it stands; yield what has to be said of it."""
    rule = ignoring_rule(workspace.root)
    hidden = {} if rule else hidden_by_git(workspace.root)
    path = workspace.root / ".gitignore"
    existing = path.read_text(encoding="utf-8", errors="surrogateescape") if path.is_file() else ""
    content = with_rules(existing, shown=bool(hidden)).encode(errors="surrogateescape")
    with replaced(path, content):
        if rule is None and git_root(workspace.root):
            require_seen(workspace.root)
            write_dvc_config(workspace, with_git=True)
        remarks = [f"git ignores {name} by {rule}; .gitignore takes that back" for name, rule in hidden.items()]
        yield remarks + ([f"git ignores this directory by {rule}: DVC does without git here"] if rule else [])


def _require_room(workspace: Workspace, data: Path) -> None:
    """Refuse a directory that holds what the workspace would overwrite or take for its own.

    Raises:
        UsageError: The files, or why a workspace can't be there at all.
    """
    if workspace.params_file.exists():
        raise UsageError(
            f"{workspace.root} is a workspace already (it has params.yaml); change that file, or name another"
        )
    if workspace.root.is_file():
        raise UsageError(f"{workspace.root} is a file; name a directory, which need not exist")
    if workspace.root.is_relative_to(data):
        raise UsageError(f"{workspace.root} lies inside the data, {data}; make the workspace beside it, not in it")
    found = [str(path.relative_to(workspace.root)) for path in _in_the_way(workspace)]
    if found:
        more = f" and {len(found) - 10} more" if len(found) > 10 else ""
        raise UsageError(
            f"{workspace.root} holds {', '.join(found[:10])}{more}, which the workspace would overwrite or take for "
            "its own; move them away (the first data is named by --data), or make it in a directory of its own, such "
            f"as {workspace.root / 'classifier'}"
        )


def _in_the_way(workspace: Workspace) -> Iterator[Path]:
    names = (DVC_YAML.name, ".dvc", ".thawline")
    stages = (workspace.rows, workspace.clean_rows, workspace.dropped_rows, workspace.ledger, workspace.train_rows)
    others = (workspace.dvc_lock, workspace.id_file, *stages, workspace.test_rows)
    for path in (*(workspace.root / name for name in names), *others):
        if path.exists():
            yield path
    for directory in (workspace.raw, workspace.arrivals, workspace.versions):
        if directory.is_dir():
            yield from sorted(path for path in directory.rglob("*") if path.is_file())


def params_for(
    directory: Path,
    *,
    modality: str,
    columns: dict[str, str],
    overrides: Sequence[str] = (),
    target: str = "classes",
) -> Params:
    """Return default params for a new workspace, named after its directory.

    Args:
        directory: The workspace to be.
        modality: Name of a modality.
        columns: Values of the params section `ingest`, such as `label_column`.
        overrides: Any params, as 'train.policy=full'.
        target: Name of a kind of answer.

    Raises:
        ParamsError: A value breaks its rule, or means nothing to the kind of answer.
    """
    if target not in list_targets():
        raise ParamsError(f"--target {target!r} is no kind of answer; there are: {', '.join(list_targets())}")
    defaults = get_target(target).defaults(get_modality(modality).defaults)
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", directory.expanduser().resolve().name).strip("-_") or "classifier"
    values = {"name": name, "modality": modality, "ingest": columns, "target": {"kind": target}}
    params = parse_params({**values, **defaults}, overrides, source="the command line")
    given = parse_params(values, overrides, source="the command line")
    for name in SIZED:  # what the kind of data suggests counts as not given
        section = getattr(params, name)
        known = section.model_construct(_fields_set=set(getattr(given, name).model_fields_set), **dict(section))
        params = params.model_copy(update={name: known})
    check_target(params)
    return params
