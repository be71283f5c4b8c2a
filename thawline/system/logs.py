"""The log of a workspace: a JSON object a line in .thawline/logs/thawline.log, each with the runs it belongs to.

Warnings go to standard error, too: with --verbose every line, with --quiet only errors. What is logged before a flow
begins, and in worker processes, is not in the file.
"""

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path

from thawline.rooms import ROOMS
from thawline.system.console import Loudness, console
from thawline.system.files import storage_errors
from thawline.workspace import Workspace

MAX_BYTES = 10_000_000
_LEVELS = {Loudness.QUIET: logging.ERROR, Loudness.NORMAL: logging.WARNING, Loudness.VERBOSE: logging.INFO}

_ids: ContextVar[dict[str, str] | None] = ContextVar("ids of runs", default=None)


@contextmanager
def log_ids(**ids: str) -> Iterator[None]:
    """Let all that is logged in the block carry ids, such as `flow_run_id` and `mlflow_run_id`."""
    token = _ids.set({**(_ids.get() or {}), **ids})
    try:
        yield
    finally:
        _ids.reset(token)


@contextmanager
def logging_to(workspace: Workspace, **ids: str) -> Iterator[None]:
    """Log to the workspace's file for the time of the block, with ids; a block inside another only adds its ids.

    Raises:
        StorageError: No permission or no space.
    """
    path = workspace.state / "logs" / "thawline.log"
    loggers = [logging.getLogger(name) for name in ROOMS]
    if any(isinstance(handler, _File) for handler in loggers[0].handlers):
        with log_ids(**ids):
            yield
        return
    with storage_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            path.replace(path.with_suffix(".previous.log"))
        file = _File(path)
    try:
        with _handled(loggers, [file, _person()]), log_ids(**ids):
            yield
    finally:
        file.close()


@contextmanager
def logging_to_person() -> Iterator[None]:
    """Show what is logged in the block at a terminal, as loudly as the console is; a flow in it adds only its file."""
    with _handled([logging.getLogger(name) for name in ROOMS], [_person()]):
        yield


def _person() -> logging.Handler:
    handler = _Person()
    handler.setLevel(_LEVELS[console.loudness])
    if console.loudness is Loudness.VERBOSE:
        handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    return handler


@contextmanager
def _handled(loggers: Sequence[logging.Logger], handlers: Sequence[logging.Handler]) -> Iterator[None]:
    """Let these handlers, and no others, have what is logged in the block; of two for a person only the first."""
    before = [(logger.level, logger.propagate) for logger in loggers]
    is_shown = any(isinstance(handler, _Person) for handler in loggers[0].handlers)
    added = [handler for handler in handlers if not (is_shown and isinstance(handler, _Person))]
    try:
        for logger in loggers:
            for handler in added:
                logger.addHandler(handler)
            logger.setLevel(logging.INFO)
            logger.propagate = False  # the root logger prints everything once Prefect has set it up
        yield
    finally:
        for logger, (level, propagate) in zip(loggers, before, strict=True):
            for handler in added:
                logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate


class _Person(logging.StreamHandler):  # type: ignore[type-arg]
    """Standard error, for a person."""


class _File(logging.FileHandler):
    """A file of JSON lines, opened for appending: each line is one write, so that two processes do not mix theirs."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, encoding="utf-8")
        self.setFormatter(_Line())


class _Line(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "pid": os.getpid(),
            **(_ids.get() or {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)
