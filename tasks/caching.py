"""How task results are kept: as JSON, under the key of what they depend on.

A task whose key is known is not run again: its result comes from .thawline/results. `fresh` in the flow's parameters
asks for everything anew.
"""

from dataclasses import dataclass
from typing import Any

from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State

from thawline.context import Context
from thawline.scopes import Scope

__all__ = ["NO_CACHE", "is_kept", "retry_transient", "step_cache"]


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


def is_kept(task: str, context: Context, scope: Scope) -> bool:
    """Say whether the result of the task so named, whose only argument is a Context, lies in .thawline/results."""
    return (context.workspace.state / "results" / _key(task, context, scope)).is_file()


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
