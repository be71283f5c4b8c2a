"""What arrived as one table, .thawline/arrivals.db: a look at it costs what is new, not what was ever accepted.

The files stay the truth, a record for each content in data/arrivals, and the table is made from them: for a workspace
that has none yet, after it was lost or broken, and for another version of Thawline. So nothing can be lost with it, git
sees records that branches merge, and an older Thawline goes on with the same files. A directory is listed only where
its own time of change has moved since it was last looked at; of a record that was written since, the file is read.
Sweeps hold the lock `data` and note what they did themselves. What somebody else changes by hand while one works,
and records that are edited in their place, are seen by the next run, which looks at everything.

It keeps SQLite's rollback journal: the write-ahead log needs memory that processes share, which a network file system
does not have, and a copy of the workspace would have to take it along.
"""

import json
import os
import re
import sqlite3
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from thawline.errors import StorageError
from thawline.rows.arrivals import Arrival
from thawline.system.files import RACY_NS, look_at, storage_errors
from thawline.system.kept_records import read_or_set_aside
from thawline.workspace import Workspace

TABLE = "arrivals.db"
LAST_TRAINING = "last_training.json"
SCHEMA = """
CREATE TABLE looks (what TEXT PRIMARY KEY, look TEXT NOT NULL);
CREATE TABLE arrivals (
    file TEXT PRIMARY KEY, mtime_ns INTEGER NOT NULL, size INTEGER NOT NULL, state TEXT NOT NULL,
    kept_as TEXT NOT NULL, is_trained INTEGER NOT NULL, record TEXT NOT NULL
);
CREATE INDEX untrained ON arrivals (file) WHERE state = 'accepted' AND is_trained = 0;
CREATE INDEX kept ON arrivals (kept_as);
CREATE TABLE trained (name TEXT PRIMARY KEY) WITHOUT ROWID;
CREATE TABLE names (
    directory TEXT, digits TEXT, name TEXT, PRIMARY KEY (directory, digits, name)
) WITHOUT ROWID;
"""
HASHES = re.compile(r"-(?=([0-9a-f]{8}))")
TIMEOUT_S = 60.0


class ArrivalTable:
    """The table, while it is open; `open_arrivals` opens it."""

    def __init__(self, workspace: Workspace, connection: sqlite3.Connection) -> None:
        self._workspace, self._connection = workspace, connection

    def refresh(self, *, anew: bool = False) -> None:
        """Bring the table up to date with what has changed since the last look, or with everything, if `anew`."""
        workspace = self._workspace
        steps: dict[str, tuple[Path, Callable[[], None]]] = {
            "trained": (workspace.state / LAST_TRAINING, self._take_training),
            "arrivals": (workspace.arrivals, self._take_records),
            "raw": (workspace.raw, lambda: self._take_names(workspace.raw)),
            "quarantine": (workspace.quarantine, lambda: self._take_names(workspace.quarantine)),
        }
        for what, (path, take) in steps.items():
            look = look_at(path)
            if anew or not self._is_as(what, look):
                with _transaction(self._connection):
                    take()
                    self._remember(what, look)

    def new_arrivals(self) -> list[Arrival]:
        """Return what was accepted, no finished training has seen, and is there; the oldest first."""
        query = "SELECT record FROM arrivals WHERE state = 'accepted' AND is_trained = 0"
        found = [Arrival.model_validate_json(text) for (text,) in self._connection.execute(query)]
        raw = self._workspace.raw
        present = [record for record in found if (raw / record.kept_as).exists()]
        return sorted(present, key=lambda record: (record.arrived, record.name))

    def last_training(self) -> dict[str, Any] | None:
        """Return when the last training began and ended (`begun_s`, `ended_s`), None if there was none."""
        told = self._recall("last training")
        return json.loads(told) if told else None

    def names_with(self, directory: Path, digits: str) -> list[str]:
        """Return the names in data/raw or data/quarantine that have a hash which begins with these eight digits."""
        query = "SELECT name FROM names WHERE directory = ? AND digits = ?"
        return [name for (name,) in self._connection.execute(query, (directory.name, digits))]

    def is_settled(self, initial: str | None) -> bool:
        """Say whether data/raw is as it was when all of it had its track, with the same `arrive.initial`."""
        return self._is_as("settled", look_at(self._workspace.raw), of=initial or "")

    def note_settled(self, initial: str | None) -> None:
        """Note that all of data/raw has its track; waits until the clock of the file system has moved on."""
        time.sleep(RACY_NS / 1e9)
        self._remember("settled", look_at(self._workspace.raw), of=initial or "")

    def note_taken(self, records: Iterable[Arrival]) -> None:
        """Note what a sweep under the lock `data` has settled itself, so that the next need not look for it."""
        workspace = self._workspace
        with _transaction(self._connection):
            for record in records:
                path = workspace.arrivals / f"{record.sha256[:32]}.json"
                if record.sha256 and path.is_file():
                    self._keep_record(path, record, path.stat())
                accepted = record.state == "accepted"
                self._keep_names(workspace.raw if accepted else workspace.quarantine, [record.kept_as])
                self._keep_names(workspace.quarantine, [record.bad_rows_as])
            for directory in (workspace.arrivals, workspace.raw, workspace.quarantine):
                self._remember(directory.name, look_at(directory))

    def _take_training(self) -> None:
        """Note which files the last training saw; without a note that can be read, everything accepted is new."""
        last = read_last_training(self._workspace)
        files = set(last["files"]) if last else set()
        times = json.dumps({key: last[key] for key in ("begun_s", "ended_s")}) if last else ""
        self._connection.execute("DELETE FROM trained")
        self._connection.executemany("INSERT INTO trained VALUES (?)", ((name,) for name in files))
        self._connection.execute("UPDATE arrivals SET is_trained = EXISTS (SELECT 1 FROM trained WHERE name = kept_as)")
        self._remember("last training", times)

    def _take_records(self) -> None:
        """Read the records that were written since, and forget those that are gone."""
        directory = self._workspace.arrivals
        query = "SELECT file, mtime_ns, size FROM arrivals"
        known = {file: (mtime_ns, size) for file, mtime_ns, size in self._connection.execute(query)}
        for path in (directory / entry.name for entry in _entries(directory) if entry.name.endswith(".json")):
            try:
                state = path.stat()
            except FileNotFoundError:  # set aside just now by another process
                continue
            if known.pop(path.name, None) == (state.st_mtime_ns, state.st_size):
                continue
            record = read_or_set_aside(path, Arrival.model_validate_json)
            if record is None:
                known[path.name] = (0, 0)
            else:
                self._keep_record(path, record, state)
        self._connection.executemany("DELETE FROM arrivals WHERE file = ?", ((file,) for file in known))

    def _take_names(self, directory: Path) -> None:
        self._connection.execute("DELETE FROM names WHERE directory = ?", (directory.name,))
        self._keep_names(directory, (entry.name for entry in _entries(directory)))

    def _keep_record(self, path: Path, record: Arrival, state: os.stat_result) -> None:
        told = (state.st_mtime_ns, state.st_size, record.state, record.kept_as)
        self._connection.execute(
            "INSERT OR REPLACE INTO arrivals VALUES (?, ?, ?, ?, ?, EXISTS (SELECT 1 FROM trained WHERE name = ?), ?)",
            (path.name, *told, record.kept_as, record.model_dump_json()),
        )

    def _keep_names(self, directory: Path, names: Iterable[str]) -> None:
        rows = ((directory.name, digits, name) for name in names for digits in HASHES.findall(name))
        self._connection.executemany("INSERT OR IGNORE INTO names VALUES (?, ?, ?)", rows)

    def _recall(self, what: str) -> str:
        found = self._connection.execute("SELECT look FROM looks WHERE what = ?", (what,)).fetchone()
        return found[0] if found else ""

    def _is_as(self, what: str, look: str, *, of: str = "") -> bool:
        return look != "" and self._recall(what) == f"{look} {of}"

    def _remember(self, what: str, look: str, *, of: str = "") -> None:
        self._connection.execute("INSERT OR REPLACE INTO looks VALUES (?, ?)", (what, look and f"{look} {of}"))


@contextmanager
def open_arrivals(workspace: Workspace) -> Iterator[ArrivalTable]:
    """Open the table, up to date; it is made from the records if it is not there, or can't be used.

    Raises:
        StorageError: No permission or no space; nothing was lost.
    """
    path = workspace.state / TABLE
    with storage_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with closing(_up_to_date(workspace, path)) as connection:
            yield ArrivalTable(workspace, connection)
    except sqlite3.DatabaseError as error:
        raise StorageError(
            f"can't use {path}: {error}; free space, or mend permissions, or delete it: it is made anew, and nothing "
            "is lost with it"
        ) from error


def read_last_training(workspace: Workspace) -> dict[str, Any] | None:
    """Return the note of the last training: `files`, `begun_s`, `ended_s`; None without one that can be read."""
    return read_or_set_aside(workspace.state / LAST_TRAINING, _parse_last)


def _parse_last(content: bytes) -> dict[str, Any]:
    last = json.loads(content)
    files = [str(name) for name in last["files"]]
    return {"files": files, "begun_s": float(last["begun_s"]), "ended_s": last["ended_s"]}


def _up_to_date(workspace: Workspace, path: Path) -> sqlite3.Connection:
    """Connect to the table and refresh it; one that is broken or of another format is deleted and made anew."""
    for is_last in (False, True):
        connection = sqlite3.connect(path, timeout=TIMEOUT_S, isolation_level=None)
        try:
            if _has_format(connection):
                ArrivalTable(workspace, connection).refresh()
                return connection
        except BaseException as error:
            connection.close()
            if is_last or isinstance(error, sqlite3.OperationalError) or not isinstance(error, sqlite3.DatabaseError):
                raise
        connection.close()
        for suffix in ("", "-journal"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    raise StorageError(f"{path} can't be made; delete it")


def _has_format(connection: sqlite3.Connection) -> bool:
    """Say whether a table is of the present format; an empty one is made so."""
    if _version(connection) == 0:
        with _transaction(connection):
            if _version(connection) == 0:  # nobody made it meanwhile
                for statement in filter(str.strip, SCHEMA.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {table_format()}")
    return _version(connection) == table_format()


def _version(connection: sqlite3.Connection) -> int:
    (number,) = connection.execute("PRAGMA user_version").fetchone()
    return int(number)


@cache
def table_format() -> int:
    """Return a number for what the table holds: another where its columns or what a record says have changed."""
    return zlib.crc32(f"{SCHEMA} {Arrival.model_json_schema()}".encode()) >> 1  # user_version is signed


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _entries(directory: Path) -> list[os.DirEntry[str]]:
    """Return what lies in a directory; nothing where there is none."""
    if not directory.is_dir():
        return []
    with os.scandir(directory) as entries:
        return list(entries)
