"""A promised error is kept, answers are as many as it allows, and rows that hang together count once."""

import numpy as np
import pytest
from scipy.stats import beta, binom

from thawline.scores.abstention import (
    NEVER,
    SIGNIFICANCE,
    Sureness,
    answered,
    choose_limit,
    confidence_of,
    coverage_curve,
    least_rows,
    limit_of_coverage,
)


def drawn(rng: np.random.Generator, num_rows: int, *, worst: float = 0.5) -> Sureness:
    """Rows as sure as they are often right: the error falls evenly from `worst` to none."""
    confidence = rng.uniform(1 - worst, 1, num_rows)
    return Sureness(confidence, rng.uniform(size=num_rows) > confidence, np.arange(num_rows))


@pytest.mark.parametrize("max_error", [0.02, 0.05, 0.1])
@pytest.mark.parametrize("num_rows", [200, 2000])
def test_the_promise_is_broken_no_more_often_than_it_may_be(max_error: float, num_rows: int) -> None:
    rng, num_tries = np.random.default_rng(num_rows), 400
    limits = np.array([choose_limit(drawn(rng, num_rows), max_error) for _ in range(num_tries)])
    true_error = (1 - np.clip(limits[limits < NEVER], 0.5, 1)) / 2
    num_broken = int((true_error > max_error).sum())
    assert binom.sf(num_broken - 1, num_tries, SIGNIFICANCE) > 0.01


def test_many_rows_come_close_to_what_the_promise_allows() -> None:
    limit = choose_limit(drawn(np.random.default_rng(1), 100_000), 0.05)
    assert 0.9 < limit < 0.92  # 0.9 is the limit at which 5 % of the answers are wrong


def test_all_is_answered_where_all_may_be_and_nothing_where_no_limit_keeps_the_promise() -> None:
    rng = np.random.default_rng(0)
    assert choose_limit(drawn(rng, 5000, worst=0.05), 0.05) == 0.0
    assert choose_limit(drawn(rng, 5000), 1e-6) == NEVER
    hopeless = Sureness(np.linspace(0, 1, 5000), rng.uniform(size=5000) < 0.5, np.arange(5000))
    assert choose_limit(hopeless, 0.05) == NEVER
    assert answered(hopeless, NEVER).num_answered == 0
    nothing = np.zeros(0)
    assert choose_limit(Sureness(nothing, nothing > 0, nothing.astype(np.int64)), 0.05) == NEVER


@pytest.mark.parametrize("coverage", [0.5, 0.9, 0.95, 0.999])
def test_a_share_of_the_rows_has_the_confidence_of_a_coverage_and_hardly_more(coverage: float) -> None:
    rows = drawn(np.random.default_rng(2), 1001)
    share = answered(rows, limit_of_coverage(rows, coverage)).coverage
    assert coverage <= share < coverage + 2 / 1001
    assert limit_of_coverage(rows.of(np.arange(0)), coverage) == NEVER


def test_one_early_mistake_does_not_end_the_search() -> None:
    confidence = np.linspace(1, 0, 10_000)
    is_wrong = np.zeros(10_000, bool)
    is_wrong[[0, 1, 2, 50, 100, 120, 150, 160, 170, 190, 199]] = True  # 11 of the first 200: above 5 %
    assert choose_limit(Sureness(confidence, is_wrong, np.arange(10_000)), 0.05) == 0.0


def test_copies_of_a_row_prove_no_more_than_the_row() -> None:
    rows = drawn(np.random.default_rng(3), 300)
    copied = rows.of(np.repeat(np.arange(300), 50))
    assert choose_limit(copied, 0.1) == choose_limit(rows, 0.1)
    alone = Sureness(copied.confidence, copied.is_wrong, np.arange(15_000))
    assert choose_limit(alone, 0.1) < choose_limit(rows, 0.1)


def test_rows_as_sure_as_the_last_one_answered_are_answered_too() -> None:
    confidence = np.repeat([0.9, 0.6], [1000, 1000])
    is_wrong = np.arange(2000) >= 1000
    limit = choose_limit(Sureness(confidence, is_wrong, np.arange(2000)), 0.05)
    assert limit == 0.9
    assert answered(Sureness(confidence, is_wrong, np.arange(2000)), limit).num_answered == 1000


@pytest.mark.parametrize("max_error", [0.01, 0.05, 0.2])
def test_fewer_rows_than_are_said_to_be_needed_promise_nothing(max_error: float) -> None:
    needed = least_rows(max_error)
    for num_rows, can in ((needed - 1, False), (needed, True)):
        rows = Sureness(np.linspace(0, 1, num_rows), np.zeros(num_rows, bool), np.arange(num_rows))
        assert (choose_limit(rows, max_error) < NEVER) is can


def test_the_interval_of_an_error_is_that_of_clopper_and_pearson() -> None:
    rows = Sureness(np.full(200, 0.8), np.arange(200) < 7, np.arange(200))
    told = answered(rows, 0.5)
    assert (told.coverage, told.error) == (1.0, 7 / 200)
    assert told.interval == pytest.approx((beta.ppf(0.025, 7, 194), beta.ppf(0.975, 8, 193)))
    assert answered(rows, 0.9).coverage == answered(rows, 0.9).error == 0.0
    assert answered(rows, 0.9).interval == (0.0, 1.0)


def test_the_curve_ends_with_all_rows_and_the_error_of_all() -> None:
    rows = Sureness(np.array([0.9, 0.5, 0.9, 0.7]), np.array([False, True, True, False]), np.arange(4))
    coverage, error = coverage_curve(rows)
    assert coverage.tolist() == [0.5, 0.75, 1.0]
    assert error == pytest.approx([0.5, 1 / 3, 0.5])


def test_confidence_is_the_probability_of_the_class_answered() -> None:
    assert confidence_of(np.array([[0.7, 0.3], [0.6, 0.4]]), np.array([0, 1])).tolist() == [0.7, 0.4]
