"""Periods of a champion judged: against the rows that it was judged on, and against the periods before.

A period is a day (UTC), or several where one has too few rows. What a surprise may be is learned from the champion's
own first periods, as in a control chart (Shewhart 1931): the prediction interval that a further period of the same kind
leaves with a chance which makes half a false alarm a month over all findings. Until there are MIN_PERIODS, chance alone
is the limit against the test rows, and nothing is said against the periods before.
"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from scipy import stats

from thawline.watching.comparison import Calibration, Finding, compare, expected_range
from thawline.watching.kept import CONFIDENCE

TRAINING, BEFORE = "training", "before"
MIN_ROWS, MAX_ROWS = 100, 500
"""Of a period. Of more so many are judged, drawn by chance, so that periods are alike in what they can show."""
MIN_PERIODS, MAX_PERIODS = 7, 28
"""Of a champion's first ones, that limits are learned from."""
NUM_BEFORE = 7
"""Periods that are the latest ones."""
ALARMS_A_PERIOD = 0.5 / 30


class Judged(BaseModel):
    """A finding against a basis, with its limit; None while there is none."""

    model_config = ConfigDict(frozen=True)

    basis: str
    finding: Finding
    limit: float | None

    @property
    def alarms(self) -> bool:
        """Say whether it is beyond its limit."""
        return self.limit is not None and self.finding.z > self.limit


class Period(BaseModel):
    """What was found of a period. `expected` is the accuracy that confidence promises, with its interval's ends."""

    model_config = ConfigDict(frozen=True)

    first: date
    last: date
    num_rows: int
    num_seen: int
    judged: tuple[Judged, ...] = ()
    expected: tuple[float, float, float] | None = None

    @property
    def alarms(self) -> tuple[Judged, ...]:
        """What is beyond its limit."""
        return tuple(each for each in self.judged if each.alarms)


def group_days(num_rows: Mapping[date, int]) -> list[list[date]]:
    """Return the days in periods of MIN_ROWS rows at least, by the number of rows of each; the last may have fewer."""
    periods: list[list[date]] = []
    total = MIN_ROWS
    for day in sorted(num_rows):
        if total >= MIN_ROWS:
            periods.append([])
            total = 0
        periods[-1].append(day)
        total += num_rows[day]
    return periods


def judge_period(
    rows: pd.DataFrame,
    reference: tuple[pd.DataFrame, Calibration | None],
    before: Sequence[pd.DataFrame],
    past: Sequence[Period],
) -> tuple[tuple[Judged, ...], tuple[float, float, float] | None]:
    """Return what is found of a period's rows, and the accuracy expected of them.

    Args:
        rows: Of the period, MAX_ROWS at most.
        reference: Rows that the model was judged on, and what its confidence means.
        before: Rows of the periods before, the newest last.
        past: The champion's periods before, the oldest first.
    """
    known, calibration = reference
    found = [(TRAINING, one) for one in compare(rows, known, calibration)]
    if len(before) >= NUM_BEFORE:
        latest = pd.concat(before[-NUM_BEFORE:], ignore_index=True)
        found += [(BEFORE, one) for one in compare(rows, latest, calibration)]
    chance = ALARMS_A_PERIOD / max(len(found), 1)
    judged = [
        Judged(basis=basis, finding=one, limit=_limit(basis, _past(past, basis, one.what), chance))
        for basis, one in found
    ]
    expected = None if calibration is None or CONFIDENCE not in rows else expected_range(rows, calibration)
    return tuple(judged), expected


def _past(past: Sequence[Period], basis: str, what: str) -> list[float]:
    """Return the surprises of the first periods, whatever they were, and of later ones without an alarm."""
    calm = [period for number, period in enumerate(past) if number < MIN_PERIODS or not period.alarms]
    found = [one for period in calm[:MAX_PERIODS] for one in period.judged]
    return [one.finding.z for one in found if (one.basis, one.finding.what) == (basis, what)]


def _limit(basis: str, past: Sequence[float], chance: float) -> float | None:
    by_chance = float(stats.norm.isf(chance))
    if len(past) < MIN_PERIODS:
        return by_chance if basis == TRAINING else None
    reach = stats.t.isf(chance, len(past) - 1) * np.std(past, ddof=1) * np.sqrt(1 + 1 / len(past))
    return max(by_chance, float(np.mean(past) + reach))
