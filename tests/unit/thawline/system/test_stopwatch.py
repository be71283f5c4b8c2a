from contextlib import suppress

import pytest

from thawline.system import stopwatch
from thawline.system.stopwatch import Stopwatch, apart


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list whose only number is what the clock says."""
    now = [0.0]
    monkeypatch.setattr(stopwatch.time, "monotonic", lambda: now[0])
    return now


def test_a_step_inside_another_counts_for_itself_alone(clock: list[float]):
    watch = Stopwatch()
    with watch("checks"):
        clock[0] += 1
        with apart("frozen layers"):
            clock[0] += 10
        clock[0] += 2
    with watch("frozen layers"):
        clock[0] += 5
        with apart("frozen layers"):
            clock[0] += 20
    assert watch.seconds == {"checks": 3.0, "frozen layers": 35.0}
    assert list(watch.seconds) == ["checks", "frozen layers"]


def test_outside_of_a_flow_nothing_is_counted(clock: list[float]):
    watch = Stopwatch()
    with suppress(ZeroDivisionError), watch("broken"):
        1 / 0  # noqa: B018
    with apart("frozen layers"):
        clock[0] += 1
    assert watch.seconds == {"broken": 0.0}
