"""Limits come from a champion's own first periods: what varies from day to day is no alarm, what is new is one."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from thawline.watching.periods import MIN_PERIODS, Period, group_days, judge_period

START = date(2026, 1, 1)


def answers(share: float, rng: np.random.Generator, num: int = 300) -> pd.DataFrame:
    return pd.DataFrame({"answer": np.where(rng.random(num) < share, "a", "b")})


def live(shares: list[float], seed: int) -> list[bool]:
    """Return for each day, whose share of answers `a` is given, whether it alarms."""
    rng = np.random.default_rng(seed)
    reference = (answers(0.5, rng, 2000), None)
    past: list[Period] = []
    before: list[pd.DataFrame] = []
    for number, share in enumerate(shares):
        rows = answers(share, rng)
        judged, expected = judge_period(rows, reference, before, past)
        assert expected is None
        day = START + timedelta(days=number)
        past.append(Period(first=day, last=day, num_rows=300, num_seen=300, judged=judged))
        before.append(rows)
    return [bool(period.alarms) for period in past]


def test_false_alarms_are_at_most_one_a_month() -> None:
    alarms = np.mean([live([0.5] * 60, seed) for seed in range(3)])
    assert alarms * 30 <= 1


def test_a_world_that_is_other_than_the_test_rows_alarms_at_first_and_is_then_known() -> None:
    alarms = live([0.7] * 40, 0)
    assert all(alarms[:MIN_PERIODS])
    assert sum(alarms[MIN_PERIODS:]) <= 1


def test_days_that_always_vary_alarm_only_when_they_vary_more() -> None:
    alarms = []
    for seed in range(3):
        shares = np.random.default_rng(seed).normal(0.5, 0.06, 50)
        alarms.append(live([*shares.tolist(), 0.85], seed))
    assert np.mean([each[MIN_PERIODS:-1] for each in alarms]) * 30 <= 2, "half a one is meant; three runs vary"
    assert all(each[-1] for each in alarms)


def test_a_sudden_change_alarms_on_its_first_day_and_a_slow_one_before_it_is_great() -> None:
    assert live([0.5] * 20 + [0.7], 2)[20]
    slow = [0.5] * 30 + np.linspace(0.5, 0.75, 30).tolist()
    assert any(live(slow, 3)[30:55])


def test_days_of_few_rows_are_judged_together() -> None:
    days = {START + timedelta(days=number): rows for number, rows in enumerate((250, 40, 30, 50, 300, 20))}
    assert [len(period) for period in group_days(days)] == [1, 3, 1, 1]
    assert group_days({}) == []


@pytest.mark.parametrize(("z", "limit", "alarms"), [(3, 2, True), (1, 2, False), (9, None, False)])
def test_an_alarm_is_what_is_beyond_its_limit(z: float, limit: float | None, alarms: bool) -> None:
    judged = {"basis": "training", "finding": {"what": "answers", "value": 1, "z": z}, "limit": limit}
    period = Period.model_validate({"first": START, "last": START, "num_rows": 1, "num_seen": 1, "judged": [judged]})
    assert bool(period.alarms) is alarms
