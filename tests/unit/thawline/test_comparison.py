"""What the comparison with the champion says is what a plain count says."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from thawline.comparison import TestPredictions, compare, flipped_rows


def of(labels: np.ndarray, predicted: np.ndarray) -> TestPredictions:  # type: ignore[type-arg]
    return TestPredictions(labels=labels, probabilities=np.eye(3)[predicted], classes=["a", "b", "c"])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1000), num_rows=st.integers(10, 200))
def test_flips_mcnemar_and_changes_agree_with_a_plain_count(seed: int, num_rows: int) -> None:
    labels, new, old = np.random.default_rng(seed).integers(0, 3, (3, num_rows))
    found = compare(of(labels, new), of(labels, old))
    mended = [row for row in range(num_rows) if new[row] == labels[row] != old[row]]
    broken = [row for row in range(num_rows) if old[row] == labels[row] != new[row]]
    assert [rows.tolist() for rows in flipped_rows(of(labels, new), of(labels, old))] == [mended, broken]
    total = len(mended) + len(broken)
    fewer = min(len(mended), len(broken))
    assert found.mcnemar_p == pytest.approx(min(1.0, 2 * binom.cdf(fewer, total, 0.5)) if total else 1.0)
    assert found.accuracy_change == pytest.approx((len(mended) - len(broken)) / num_rows)
    low, high = found.f1_interval
    assert low <= found.f1_change <= high


def test_a_model_against_itself_changes_nothing() -> None:
    labels = np.arange(90) % 3
    found = compare(of(labels, labels), of(labels, labels))
    assert (found.f1_change, found.mcnemar_p, found.probability_no_gain) == (0, 1, 1)
    assert all(change == 0 for changes in found.per_class.values() for change in changes.values())
