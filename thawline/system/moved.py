"""A workspace that stands elsewhere than before: what it keeps under absolute paths is brought to where it stands now.

MLflow keeps the place of every run's files and of every model in its database, and results of tasks name files under
.thawline/steps. After a workspace was moved, renamed, mounted elsewhere or copied they would lead to the original, or
nowhere. `.thawline/root` says where it stood last. Only the workspace's own SQLite is changed: a server's database may
be shared with the original.
"""

import json
import logging
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from filelock import FileLock

from thawline.errors import StorageError
from thawline.system.files import storage_errors, write_atomically
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

FILE = "root"
DATABASE = "mlflow.db"
ADDRESSES = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("datasets", "dataset_source"),
)
"""Columns of MLflow's tables that hold where files are; a table of another version may lack one."""
TIMEOUT_S = 60


def settle_here(workspace: Workspace) -> Path | None:
    """Bring the workspace's records to where it stands; return where it stood before, None if it stands there still.

    A kill on the way leaves what the next call does again.

    Raises:
        StorageError: No permission or no space.
    """
    note = workspace.state / FILE
    if _noted(note) == workspace.root:
        return None
    with storage_errors():
        workspace.state.mkdir(parents=True, exist_ok=True)
        with FileLock(workspace.state / f"{FILE}.lock", timeout=TIMEOUT_S):
            before = _noted(note) or _root_in(workspace.state / DATABASE)
            if before is not None and before != workspace.root:
                _bring_database(workspace.state / DATABASE, before, workspace.root)
                _bring_results(workspace.state / "results", before, workspace.root)
                log.warning("this workspace stood at %s before; its records name %s now", before, workspace.root)
            write_atomically(note, str(workspace.root).encode(errors="surrogateescape"))
    return before if before != workspace.root else None


def _noted(note: Path) -> Path | None:
    try:
        text = note.read_bytes().decode(errors="surrogateescape")
    except FileNotFoundError:
        return None
    return Path(text) if text else None


def _root_in(database: Path) -> Path | None:
    """Return where a workspace stood that has no note yet, from where its experiment keeps files."""
    end = "/.thawline/mlartifacts"
    if not database.is_file():
        return None
    with closing(sqlite3.connect(database, timeout=TIMEOUT_S)) as connection:
        if "artifact_location" not in _columns(connection, "experiments"):
            return None
        query = "SELECT artifact_location FROM experiments WHERE artifact_location LIKE 'file://%' || ?"
        found = connection.execute(query, [end]).fetchone()
    return Path(url2pathname(urlsplit(found[0]).path.removesuffix(end))) if found else None


def _bring_database(database: Path, before: Path, now: Path) -> None:
    """Rewrite the addresses of files below `before`, all in one transaction."""
    if not database.is_file():
        return
    try:
        with closing(sqlite3.connect(database, timeout=TIMEOUT_S, isolation_level=None)) as connection:
            connection.create_function("bring", 1, _bringing(before, now), deterministic=True)
            connection.execute("BEGIN IMMEDIATE")
            for table, column in ADDRESSES:
                if column in _columns(connection, table):
                    change = f"UPDATE {table} SET {column} = bring({column}) WHERE {column} IS NOT NULL"  # noqa: S608
                    connection.execute(change)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise StorageError(
            f"the workspace stood at {before} before, and {database} can't be brought to {now}: {error}; end what uses "
            "it and run this again, or move the workspace back"
        ) from None


def _columns(connection: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in connection.execute(f"PRAGMA table_info({table})")}


def _bring_results(directory: Path, before: Path, now: Path) -> None:
    """Rewrite the kept results of tasks; one that can't be read is removed, so that its task is done again."""
    bring = _bringing(before, now)
    for path in sorted(directory.glob("*")) if directory.is_dir() else []:
        try:
            record = json.loads(path.read_bytes())
            record["result"] = json.dumps(_walk(json.loads(record["result"]), bring))
        except (ValueError, KeyError, TypeError):
            path.unlink()
            continue
        write_atomically(path, json.dumps(_walk(record, bring)).encode())


def _walk(value: Any, bring: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        return {key: _walk(item, bring) for key, item in value.items()}
    if isinstance(value, list):
        return [_walk(item, bring) for item in value]
    return bring(value) if isinstance(value, str) else value


def _bringing(before: Path, now: Path) -> Callable[[str], str]:
    """Return what changes a text that begins with the former place, as a path or file URI, also as a JSON value."""
    places = {str(before): str(now), before.as_uri(): now.as_uri()}
    pattern = re.compile(r'(^|": ?")(' + "|".join(map(re.escape, sorted(places, key=len, reverse=True))) + r")(?=/|$)")
    return lambda text: pattern.sub(lambda found: found[1] + places[found[2]], text)
