"""The rows so far, kept from sweep to sweep in .thawline/rows_so_far: a new file is compared without reading all.

They lie in parts, tables of Arrow, each at least twice as long as the one after it: a sweep mostly writes its own rows,
and a row is written again a few times in years. `state.json` names the parts and is written last: killed before, the
state of an earlier sweep holds, and what was accepted since is read. It holds for the same params, code and
corrections; where data/raw is as it was, no file is looked at (a training does, and forgets the rows of files that were
edited). Lost or broken, the rows are read from all files.
"""

import hashlib
import shutil
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pyarrow import feather
from pydantic import BaseModel, ConfigDict

from tasks.checking.rows_so_far import RowsSoFar, extend, read_so_far
from tasks.ingest import raw_files, read_corrections, tracked_files
from thawline.context import hash_code
from thawline.mending.corrections import is_correction, settle
from thawline.params import Params
from thawline.system.files import look_at, storage_errors, sync, write_atomically
from thawline.system.kept_records import read_or_set_aside
from thawline.workspace import Workspace

PLACE, STATE = "rows_so_far", "state.json"
MAX_SHARE_ADDED = 0.5
"""Of the files that are there: where more are new, all are read at once, which is cheaper than one after the other."""


class _Part(BaseModel):
    """A directory with the tables `known`, `measures` and `files` of so many rows and files."""

    model_config = ConfigDict(frozen=True)

    directory: str
    rows: int
    files: int


class _State(BaseModel):
    """What is kept: `raw` is how data/raw looked, `sample` the directory with the rows that are embedded.

    `settled` are params, of the form that they have for who has the same `key`.
    """

    model_config = ConfigDict(frozen=True)

    key: str
    raw: str
    corrections: tuple[str, ...]
    settled: dict[str, Any]
    num_settled: int
    columns: tuple[str, ...]
    parts: tuple[_Part, ...]
    sample: str


class Reference:
    """The rows so far for the time of a sweep: made when the first file is to be checked, and kept up to date."""

    def __init__(self, workspace: Workspace, params: Params) -> None:
        self._workspace, self._params = workspace, params
        self._rows: RowsSoFar | None = None
        self._state: _State | None = None
        self._settled: Params | None = None
        self._files = _looks(workspace.raw, ())
        self._corrections: tuple[str, ...] = ()

    def rows(self) -> RowsSoFar | None:
        """Return them; None where there are none, or where Spark looks at files instead.

        Raises:
            DataError: An accepted file can't be read.
        """
        if self._params.validation.engine == "spark":
            return None
        if self._rows is None:
            self._rows = self._read_kept()
        if self._rows is None:
            self._state, self._corrections = None, _corrections(self._workspace)
            self._rows = read_so_far(raw_files(self._workspace), self._params)
        return self._rows

    def add(self, path: Path) -> None:
        """Take note of a file that has been accepted."""
        if self._rows is not None:
            self._rows = extend(self._rows, path)

    def keep(self) -> None:
        """Keep the rows for the next sweep, at the end of one that accepted files.

        Raises:
            StorageError: No permission or no space.
        """
        rows, before = self._rows, self._state
        if rows is None or (before is not None and before.raw == look_at(self._workspace.raw)):
            return
        if before is None or rows.settled is not self._settled:  # all were read anew
            parts, self._files = [], _looks(rows.raw, rows.names)
        else:
            parts, new = list(before.parts), _looks(rows.raw, rows.names[len(self._files) :])
            self._files = pd.concat([self._files, new], ignore_index=True)
        kept_rows, kept_files = (sum(getattr(part, what) for part in parts) for what in ("rows", "files"))
        while parts and parts[-1].rows < 2 * (len(rows.known) - kept_rows):
            part = parts.pop()
            kept_rows, kept_files = kept_rows - part.rows, kept_files - part.files
        added = {
            "known": rows.known[kept_rows:],
            "measures": rows.measures[kept_rows:],
            "files": self._files[kept_files:],
        }
        with storage_errors():
            try:
                part = _Part(directory=self._write(added), rows=len(added["known"]), files=len(added["files"]))
                sample = self._write({"sample": rows.sample})
            except pa.ArrowException:  # cells that a table can't hold: files are read next time
                return
        state = _State(
            key=_key(self._params),
            raw=look_at(self._workspace.raw),
            corrections=self._corrections,
            settled=rows.settled.model_dump(mode="json"),
            num_settled=rows.num_settled,
            columns=tuple(sorted(rows.columns)),
            parts=(*parts, part),
            sample=sample,
        )
        write_atomically(_place(self._workspace) / STATE, state.model_dump_json().encode())
        _remove_unnamed(self._workspace, state)

    def _read_kept(self) -> RowsSoFar | None:
        """Return what is kept, with what was accepted since; None if it does not hold."""
        state = read_or_set_aside(_place(self._workspace) / STATE, _State.model_validate_json)
        if state is None or state.key != _key(self._params):
            return None
        is_as_it_was = state.raw != "" and state.raw == look_at(self._workspace.raw)
        if not is_as_it_was and state.corrections != _corrections(self._workspace):
            return None
        try:
            known, measures, files = (_read(self._workspace, state, name) for name in ("known", "measures", "files"))
            sample = feather.read_feather(_place(self._workspace) / state.sample / "sample.arrow")
        except (OSError, pa.ArrowException):  # a power cut, or somebody has tidied
            return None
        rows = RowsSoFar(
            raw=self._workspace.raw,
            names=tuple(files["name"].to_numpy(dtype=object)),
            params=self._params,
            settled=Params.model_validate(state.settled),
            num_settled=state.num_settled,
            corrected=settle(read_corrections(self._workspace.raw, state.corrections)),
            columns=frozenset(state.columns),
            known=known,
            measures=measures,
            sample=sample,
        )
        self._state, self._settled, self._files, self._corrections = state, rows.settled, files, state.corrections
        return rows if is_as_it_was else self._with_what_came(rows, files)

    def _with_what_came(self, rows: RowsSoFar, files: pd.DataFrame) -> RowsSoFar | None:
        """Return the rows with those of files that are new; None if a file is gone or another, or if most are new."""
        present = raw_files(self._workspace)
        known = set(files["name"])
        new = [path for path in present if path.name not in known]
        old = _looks(rows.raw, [path.name for path in present if path.name in known])
        if len(new) > MAX_SHARE_ADDED * len(present) or not old.equals(files.sort_values("name", ignore_index=True)):
            return None
        for path in new:
            rows = extend(rows, path)
        return rows

    def _write(self, frames: dict[str, pd.DataFrame]) -> str:
        directory = uuid.uuid4().hex
        (_place(self._workspace) / directory).mkdir(parents=True)
        for name, frame in frames.items():
            table = pa.Table.from_pandas(frame.reset_index(drop=True))
            path = _place(self._workspace) / directory / f"{name}.arrow"
            feather.write_feather(table.combine_chunks(), path, compression="lz4")  # of a chunk a file reading is slow
            sync(path)
        return directory


def forget_edited(workspace: Workspace) -> None:
    """Forget what is kept if a file that it comes from is gone or was written since; looks at each.

    Raises:
        StorageError: No permission.
    """
    state = read_or_set_aside(_place(workspace) / STATE, _State.model_validate_json)
    if state is None:
        return
    try:
        files = _read(workspace, state, "files")
        is_as_read = _looks(workspace.raw, files["name"].tolist()).equals(files)
    except (OSError, pa.ArrowException):
        is_as_read = False
    if not is_as_read:
        with storage_errors():
            (_place(workspace) / STATE).unlink(missing_ok=True)


def _read(workspace: Workspace, state: _State, name: str) -> pd.DataFrame:
    """Return a table of all parts."""
    paths = [_place(workspace) / part.directory / f"{name}.arrow" for part in state.parts]
    frames: list[pd.DataFrame] = [feather.read_feather(path) for path in paths]
    return pd.concat(frames, ignore_index=True)


def _looks(raw: Path, names: Sequence[str]) -> pd.DataFrame:
    """Return name, size and time of change of files."""
    states = [(raw / name).stat() for name in names]
    return pd.DataFrame(
        {
            "name": pd.Series(list(names), dtype="str"),
            "size": pd.Series([state.st_size for state in states], dtype="int64"),
            "mtime_ns": pd.Series([state.st_mtime_ns for state in states], dtype="int64"),
        }
    )


def _corrections(workspace: Workspace) -> tuple[str, ...]:
    return tuple(path.name for path in tracked_files(workspace) if is_correction(path.name))


def _key(params: Params) -> str:
    return hashlib.sha256(f"{hash_code()} {params.model_dump_json()}".encode()).hexdigest()[:16]


def _place(workspace: Workspace) -> Path:
    return workspace.state / PLACE


def _remove_unnamed(workspace: Workspace, state: _State) -> None:
    """Remove parts that are no longer used, and what a killed process had begun."""
    named = {state.sample, *(part.directory for part in state.parts)}
    for path in _place(workspace).iterdir():
        if path.name not in named and path.is_dir():
            shutil.rmtree(path)
