"""The exact head of several labels a row is scikit-learn's logistic regression of each."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from models.heads import one_vs_rest
from models.heads.one_vs_rest import OneVsRestProblem


@pytest.fixture(autouse=True)
def to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_vs_rest, "TOLERANCE", 1e-7)


def problem(num_rows: int = 120) -> OneVsRestProblem:
    rng = np.random.default_rng(0)
    vectors = rng.normal(2, 3, (num_rows, 6)).astype(np.float32)
    labels = (vectors[:, :3] + rng.normal(0, 4, (num_rows, 3)) > [2, 4, 6]).astype(np.float32)
    return OneVsRestProblem(vectors[None], labels)


def test_the_solution_is_that_of_scikit_learn_for_each_label() -> None:
    given, rows = problem(), np.arange(100)
    head = given.solve(rows, strength=0.1)
    vectors = given.vectors[0].astype(np.float64)  # in float32 scikit-learn ends a little earlier
    scaler = StandardScaler().fit(vectors[rows])
    for label in range(3):
        alone = LogisticRegression(C=0.1, tol=1e-8, max_iter=1000)
        alone.fit(scaler.transform(vectors[rows]), given.labels[rows, label])
        expected = alone.predict_proba(scaler.transform(vectors))[:, 1]
        assert head.probabilities(given.vectors[0])[:, label] == pytest.approx(expected, abs=1e-5)


def test_views_of_rows_and_weights_count_as_rows_do() -> None:
    given, rows = problem(), np.arange(120)
    plain = given.solve(rows, 0.1).weight
    twice = OneVsRestProblem(np.repeat(given.vectors, 2, axis=0), given.labels)
    assert twice.solve(rows, 0.1).weight == pytest.approx(plain, abs=1e-4)
    weights = np.full(120, 2, dtype=np.float32)
    weighed = OneVsRestProblem(given.vectors, given.labels, weights).solve(rows, 0.05)
    assert weighed.weight == pytest.approx(plain, abs=1e-4)


def test_a_label_that_no_row_has_is_answered_by_little_more_than_never() -> None:
    given = problem()
    labels = np.column_stack([given.labels, np.zeros(120), np.ones(120)]).astype(np.float32)
    found = OneVsRestProblem(given.vectors, labels).solve(np.arange(120), 0.1).probabilities(given.vectors[0])
    assert found[:, 3] == pytest.approx(np.full(120, 0.5 / 121))
    assert found[:, 4] == pytest.approx(np.full(120, 120.5 / 121))
    assert found[:, :3] == pytest.approx(given.solve(np.arange(120), 0.1).probabilities(given.vectors[0]), abs=1e-4)


def test_the_strength_is_one_at_which_held_out_rows_lose_least() -> None:
    given, rows = problem(400), np.arange(400)
    chosen = given.choose_strength(rows, rows % 4)
    kept, out = rows[rows % 4 > 0], rows[rows % 4 == 0]

    def loss(strength: float) -> float:
        found = given.solve(kept, strength).probabilities(given.vectors[0, out]).clip(1e-12, 1 - 1e-12)
        truth = given.labels[out]
        return float(-(truth * np.log(found) + (1 - truth) * np.log(1 - found)).mean())

    assert loss(chosen) < loss(1e-5)
    assert loss(chosen) < loss(1e3) + 0.01
