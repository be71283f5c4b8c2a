"""The edges of a flow run's graph in Prefect: which task's result another one needs.

Prefect notes each part of a result by where in memory it lies, and draws an edge to every task that is given something
there: '' or a name that many results share, a number at a place used again. So only whole results count here, which it
tells apart for certain, and what a task needs without being given it is said by `after`.
"""

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Any, ParamSpec, TypeVar, cast

from prefect.context import FlowRunContext
from prefect.utilities.annotations import quote

ROWS, FROZEN, DEPTH, TRIALS = "checked rows", "frozen layers", "depth", "trials"
AUDITED = "labels audited"
START = (AUDITED, TRIALS, DEPTH, FROZEN, ROWS)
"""What a training starts from: the last of these that there is."""

Given = ParamSpec("Given")
Returned = TypeVar("Returned")

_notes: ContextVar[dict[str, object]] = ContextVar("notes")


class _Results(dict[int, tuple[Any, Any, Any]]):
    """What Prefect 3.8 notes of results (`FlowRunContext.run_results`), but for those that it can't tell apart."""

    def __setitem__(self, place: int, noted: tuple[Any, Any, Any]) -> None:
        if noted[2] is not None:  # a weak reference to the object, which texts and numbers have none of
            super().__setitem__(place, noted)


def begin_edges() -> None:
    """Let only whole results make edges in the present flow run; nothing is noted yet."""
    _notes.set({})
    context = FlowRunContext.get()
    if context is not None:
        context.run_results = _Results()


def note(name: str, result: object) -> None:
    """Note the result that tasks which say so come after."""
    if _notes.get(None) is not None:
        _notes.get()[name] = result


def noted(*names: str) -> list[object]:
    """Return, in a list, the first result that was noted under one of the names; an empty one if none was."""
    notes = _notes.get({})
    return [notes[name] for name in names if name in notes][:1]


def after(step: Callable[Given, Returned], results: Sequence[object]) -> Callable[Given, Returned]:
    """Return a task that comes after some results beside those that it is given."""
    if not results:
        return step
    later: Callable[..., Returned] = step
    return cast("Callable[Given, Returned]", partial(later, wait_for=list(results)))


def unseen(value: Returned) -> Returned:
    """Return an argument for a task that makes no edges: those that matter are made by the others."""
    return cast("Returned", quote(value))
