"""Calibration is measured as the paper says, and temperature mends what was only scaled."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import log_loss

from thawline.scores.calibration import apply_temperature, fit_temperature, measure_reliability


def softmax(logits: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    exponents = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponents / exponents.sum(axis=1, keepdims=True)  # type: ignore[no-any-return]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), num_rows=st.integers(1, 300), num_bins=st.integers(1, 20))
def test_bins_are_those_of_a_plain_loop_over_rows(seed: int, num_rows: int, num_bins: int) -> None:
    rng = np.random.default_rng(seed)
    labels, probabilities = rng.integers(0, 3, num_rows), rng.dirichlet(np.ones(3), num_rows)
    expected = 0.0
    for number in range(num_bins):
        members = [
            row for row in range(num_rows) if number / num_bins < probabilities[row].max() <= (number + 1) / num_bins
        ]
        if members:
            right = np.mean([probabilities[row].argmax() == labels[row] for row in members])
            sure = np.mean([probabilities[row].max() for row in members])
            expected += len(members) / num_rows * abs(right - sure)
    reliability = measure_reliability(labels, probabilities, num_bins)
    assert reliability.expected_error == pytest.approx(expected, abs=1e-9)
    assert reliability.num_rows.sum() == num_rows


def test_reliability_of_two_classes_is_scikit_learns_calibration_curve() -> None:
    rng = np.random.default_rng(0)
    sure = rng.uniform(0.5, 1, 500)
    right = rng.random(500) < sure**2
    reliability = measure_reliability(np.where(right, 1, 0), np.column_stack([1 - sure, sure]), 10)
    accuracy, confidence = calibration_curve(right, sure, n_bins=10)
    assert reliability.accuracy == pytest.approx(accuracy)
    assert reliability.confidence == pytest.approx(confidence)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), temperature=st.floats(0.4, 6), num_classes=st.integers(2, 5))
def test_fitting_finds_the_temperature_that_logits_were_divided_by(
    seed: int, temperature: float, num_classes: int
) -> None:
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2, size=(4000, num_classes))
    honest = softmax(logits)
    labels = (honest.cumsum(axis=1) > rng.random((4000, 1))).argmax(axis=1)
    found = fit_temperature(labels, softmax(logits / temperature))
    assert found == pytest.approx(1 / temperature, rel=0.15)
    mended = apply_temperature(softmax(logits / temperature), found)
    assert log_loss(labels, mended) <= log_loss(labels, honest) + 1e-6


def test_temperature_never_changes_which_class_is_predicted() -> None:
    probabilities = np.random.default_rng(1).dirichlet(np.ones(4), 200)
    for temperature in (0.3, 1.0, 5.0):
        scaled = apply_temperature(probabilities, temperature)
        assert np.array_equal(scaled.argmax(axis=1), probabilities.argmax(axis=1))
        assert scaled.sum(axis=1) == pytest.approx(np.ones(200))
