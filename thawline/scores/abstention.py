"""When a model had better say nothing: the least confidence of an answer, and what coverage and error come of it.

A row's confidence is the probability of the class that it is answered with; below the limit there is no answer. The
limit of a promised error is found by testing "of the rows above it, more are wrong than promised" at ever lower limits
on rows that the model did not see. The tests' order hangs on the confidences alone, so that the answers' being right or
wrong is still by chance when they are tested (Angelopoulos et al. 2021, "Learn then Test", section 4; the bound is that
of Geifman, El-Yaniv 2017, "Selective Classification for Deep Neural Networks", algorithm 1). Level is passed on by the
fallback procedure (Wiens 2003), with which one early mistake does not end the search.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

NEVER = 2.0
"""A limit above every probability: nothing is answered."""
SIGNIFICANCE = 0.05
"""Chance that a promised error is broken all the same, over the drawing of the rows that the limit was found on."""
NUM_STEPS = 50
"""Limits that are tried: those at which a fiftieth, two fiftieths, ... of the rows are answered."""
PROMISES = (0.01, 0.02, 0.05, 0.1)
"""Errors that are looked at beside the one that is promised."""


@dataclass(frozen=True)
class Sureness:
    """Of some rows, each (rows,): the probability of the class answered, whether that is wrong, and the row's group."""

    confidence: NDArray[np.float64]
    is_wrong: NDArray[np.bool_]
    groups: NDArray[np.int64]

    def of(self, rows: NDArray[np.int64]) -> Self:
        """Return that of some of the rows, by their numbers."""
        return type(self)(self.confidence[rows], self.is_wrong[rows], self.groups[rows])


class Answered(BaseModel):
    """What a limit does to some rows: how many there are, how many of them are answered, and how many of those wrong.

    `interval` is the 95 % interval of the error (Clopper, Pearson 1934), for rows drawn one by one.
    """

    model_config = ConfigDict(frozen=True)

    num_rows: int
    num_answered: int
    num_wrong: int

    @property
    def coverage(self) -> float:
        """Share of the rows that is answered (0 to 1)."""
        return self.num_answered / self.num_rows if self.num_rows else 0.0

    @property
    def error(self) -> float:
        """Share of the answers that is wrong (0 to 1); 0 where there is none."""
        return self.num_wrong / self.num_answered if self.num_answered else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of the error."""
        from scipy.stats import beta  # takes long to import, and every command would wait for it

        wrong, right = self.num_wrong, self.num_answered - self.num_wrong
        low = float(beta.ppf(0.025, wrong, right + 1)) if wrong else 0.0
        return low, float(beta.ppf(0.975, wrong + 1, right)) if right else 1.0


class Abstention(BaseModel):
    """The limit that a model keeps, or would keep, and what it does to rows that the model did not see.

    `max_error` is what was promised, `coverage` the share that was to be answered; both None where the limit was given.
    Out of fold, each fold's rows are answered by the limit that the other folds' rows ask for, so that their own
    mistakes have no say in it.
    """

    model_config = ConfigDict(frozen=True)

    limit: float
    max_error: float | None = None
    coverage: float | None = None
    out_of_fold: Answered
    test: Answered | None = None


def confidence_of(probabilities: NDArray[np.floating], answers: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the probability (rows,) of `answers` (rows,), of those (rows, classes) of all classes."""
    return probabilities[np.arange(len(answers)), answers].astype(np.float64)


def answered(rows: Sureness, limit: float) -> Answered:
    """Count what a limit leaves of rows."""
    kept = rows.confidence >= limit
    return Answered(num_rows=len(kept), num_answered=int(kept.sum()), num_wrong=int((kept & rows.is_wrong).sum()))


def choose_limit(rows: Sureness, max_error: float) -> float:
    """Return the lowest limit at which at most `max_error` of the answers is wrong, but for a chance of SIGNIFICANCE.

    Rows of a group hang together, and the promise is for rows that don't: the first of each group speaks for it.

    Args:
        rows: Rows that the model did not see.
        max_error: What is promised (0 to 1).

    Returns:
        The limit; NEVER where no limit keeps the promise.
    """
    from scipy.stats import binom  # takes long to import, and every command would wait for it

    first = rows.of(np.unique(rows.groups, return_index=True)[1])
    order = np.argsort(-first.confidence, kind="stable")
    confidence, wrong = first.confidence[order], np.cumsum(first.is_wrong[order])
    if not len(order):
        return NEVER
    lowest = confidence[np.ceil(len(order) * np.arange(1, NUM_STEPS + 1) / NUM_STEPS).astype(np.int64) - 1]
    numbers = np.searchsorted(-confidence, -lowest, side="right")  # who is as sure as the last one is answered, too
    limit, passed_on = NEVER, 0.0
    for step, chance in enumerate(binom.cdf(wrong[numbers - 1], numbers, max_error)):
        level = SIGNIFICANCE / NUM_STEPS + passed_on
        passed_on = level if chance <= level else 0.0
        if passed_on:
            limit = 0.0 if numbers[step] == len(order) else float(lowest[step])
    return limit


def limit_of_coverage(rows: Sureness, coverage: float) -> float:
    """Return the confidence that at least a share `coverage` (0 to 1) of the rows has; NEVER of no rows."""
    return float(np.quantile(rows.confidence, 1 - coverage, method="lower")) if len(rows.confidence) else NEVER


def least_rows(max_error: float) -> int:
    """Return how many rows there must be at least for anything to be promised: all of them right, in the last test."""
    return int(np.ceil(np.log(SIGNIFICANCE / NUM_STEPS) / np.log1p(-max_error)))


def coverage_curve(rows: Sureness) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return coverage and error (each (n,), 0 to 1) at each limit there is, from the surest rows to all."""
    order = np.argsort(-rows.confidence, kind="stable")
    ends = np.flatnonzero(np.diff(rows.confidence[order], append=-1.0) < 0) + 1
    return ends / max(len(order), 1), np.cumsum(rows.is_wrong[order])[ends - 1] / ends


def limits_of_promises(rows: Sureness) -> Mapping[float, float]:
    """Return the limit that each of PROMISES asks for."""
    return {each: choose_limit(rows, each) for each in PROMISES}
