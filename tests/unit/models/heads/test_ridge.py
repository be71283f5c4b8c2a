"""The exact head of a number is scikit-learn's ridge regression, on either side of as many rows as features."""

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler
from torch import nn

from models.heads.ridge import RidgeProblem
from models.heads.units import Unit


def problem(num_rows: int, num_features: int, *, noise: float = 0.5) -> RidgeProblem:
    rng = np.random.default_rng(0)
    vectors = rng.normal(2, 3, (num_rows, num_features)).astype(np.float32)
    labels = vectors[:, 0] / 3 + rng.normal(0, noise, num_rows)
    return RidgeProblem(vectors[None], Unit.of(labels).standardise(labels))


@pytest.mark.parametrize(("num_rows", "num_features"), [(60, 8), (40, 100)], ids=["tall", "wide"])
def test_the_solution_is_that_of_scikit_learn(num_rows: int, num_features: int) -> None:
    given, rows = problem(num_rows, num_features), np.arange(num_rows - 5)
    head = given.solve(rows, strength=0.1)
    scaler = StandardScaler().fit(given.vectors[0, rows])
    ridge = Ridge(alpha=10.0).fit(scaler.transform(given.vectors[0, rows]), given.labels[rows])
    expected = ridge.predict(scaler.transform(given.vectors[0]))
    assert head.probabilities(given.vectors[0])[:, 0] == pytest.approx(expected, abs=1e-4)


def test_views_of_rows_and_weights_count_as_rows_do() -> None:
    given, rows = problem(60, 8), np.arange(60)
    twice = RidgeProblem(np.repeat(given.vectors, 2, axis=0), given.labels)
    assert twice.solve(rows, 0.1).weight == pytest.approx(given.solve(rows, 0.1).weight, abs=1e-6)
    weights = np.ones(60, dtype=np.float32)
    weights[50:] = 0
    weighed = RidgeProblem(given.vectors, given.labels, weights).solve(rows, 1e6)
    assert weighed.probabilities(given.vectors[0]) == pytest.approx(
        given.solve(np.arange(50), 1e6).probabilities(given.vectors[0]), abs=1e-3
    )


def test_noise_is_regularised_more_strongly_than_what_can_be_told() -> None:
    clear, noisy = problem(80, 60, noise=0.01), problem(80, 60, noise=5.0)
    parts = np.arange(80) % 5
    assert noisy.choose_strength(np.arange(80), parts) < clear.choose_strength(np.arange(80), parts)


def test_a_head_takes_the_unit_of_its_numbers_up() -> None:
    unit = Unit.of(np.array([100.0, 120.0, 140.0]))
    head = nn.Sequential(nn.Linear(4, 3), nn.GELU(), nn.Linear(3, 1))
    given = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = head(given).numpy()
        unit.restore(head)
        assert head(given).numpy() == pytest.approx(before * unit.deviation + unit.mean, rel=1e-5)


def test_numbers_that_are_all_equal_have_a_unit() -> None:
    assert Unit.of(np.full(4, 7.0)).standardise(np.full(4, 7.0)).tolist() == [0.0] * 4
