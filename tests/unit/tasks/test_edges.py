"""What makes an edge in Prefect's graph of a flow run."""

import contextvars
import weakref

from tasks import edges
from tasks.edges import DEPTH, FROZEN, ROWS, after, note, noted
from tasks.results import Result


class Scored(Result):
    """A result."""


def test_a_result_makes_edges_and_a_text_or_number_that_others_share_does_not() -> None:
    results, scored = edges._Results(), Scored()
    for value, reference in ((scored, weakref.ref(scored)), ("", None), (0.5, None)):
        results[id(value)] = ("state", "task run", reference)
    assert list(results) == [id(scored)]


def test_what_is_needed_is_the_first_that_there_is() -> None:
    token = edges._notes.set({})
    try:
        note(ROWS, "rows")
        assert noted(DEPTH, FROZEN, ROWS) == ["rows"]
        note(FROZEN, "layers")
        assert noted(DEPTH, FROZEN, ROWS) == ["layers"]
        assert noted(DEPTH) == []
    finally:
        edges._notes.reset(token)


def test_outside_a_flow_nothing_is_noted() -> None:
    def outside() -> list[object]:
        note(ROWS, "rows")
        return noted(ROWS)

    assert contextvars.Context().run(outside) == []


def test_a_step_that_needs_nothing_more_is_called_as_it_is() -> None:
    def step(number: int, **given: object) -> object:
        return number, given

    assert after(step, [])(1) == (1, {})
    assert after(step, ["rows"])(1) == (1, {"wait_for": ["rows"]})
