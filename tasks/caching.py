"""How task results are kept: as JSON, under the key of what they depend on.

A task whose key is known is not run again: its result comes from .thawline/results. `fresh` in the flow's parameters
asks for everything anew.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from thawline.context import Context
from thawline.params.scopes import Scope
from thawline.workspace import Workspace

__all__ = ["NO_CACHE", "remove_half_written", "retry_transient", "step_cache"]

log = logging.getLogger(__name__)


def step_cache(scope: Scope) -> dict[str, Any]:
    """Return the options of a Prefect task whose first argument is a Context.

    Its result is kept under the task's name, data, code, the params that matter to this kind of work, and those of its
    other arguments that are text or numbers (results of earlier tasks follow from the context).
    """
    return {
        "persist_result": True,
        "result_serializer": "json",
        "cache_key_fn": KeyFunction(scope),
    }


def retry_transient(*errors: type[Exception]) -> dict[str, Any]:
    """Return the options of a Prefect task that does I/O and may be done twice: three tries on `errors`, no others."""

    def is_transient(_task: Any, _run: Any, state: State[Any]) -> bool:
        return isinstance(state.result(raise_on_failure=False), errors)

    return {"retries": 2, "retry_delay_seconds": [1, 5], "retry_condition_fn": is_transient}


def remove_half_written(workspace: Workspace) -> int:
    """Remove results that a process was ended in writing, and return their number; under the lock `training`.

    Prefect writes them in place, takes whatever lies there for a result, and would fail at it at every run. A whole one
    is a JSON object, and so ends in a brace.
    """
    number = 0
    results = workspace.state / "results"
    for path in results.iterdir() if results.is_dir() else ():
        if path.is_file() and _last_byte(path) != b"}":
            log.warning("%s was half written when a process was ended; it is computed again", path)
            path.unlink()
            number += 1
    return number


def _last_byte(path: Path) -> bytes:
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - 1, 0))
        return stream.read()


@dataclass(frozen=True)
class KeyFunction:
    """Names the kept result of a task's run, as Prefect asks for it."""

    scope: Scope

    def __call__(self, run: Any, arguments: dict[str, Any]) -> str:
        """Return the name."""
        context = arguments["context"]
        assert isinstance(context, Context)  # noqa: S101 - a programming error, not a user's
        rest = [str(value) for value in arguments.values() if isinstance(value, str | int)]
        return _key(run.task.name, context, self.scope, *rest)


def _key(task: str, context: Context, scope: Scope, *rest: str) -> str:
    return "-".join([task.replace(" ", "_"), context.key(scope), *rest])
