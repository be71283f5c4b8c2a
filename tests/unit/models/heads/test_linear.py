"""The exact linear head: scikit-learn's answer, and a strength that a look at all strengths would have chosen too."""

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from models.heads.linear import EXPONENTS, HeadProblem
from thawline.scores.metrics import row_losses


def draw(num_rows: int, num_features: int, num_classes: int, noise: float) -> tuple[NDArray, NDArray]:
    """Return vectors of which some features say something of the label."""
    rng = np.random.default_rng(0)
    scales = rng.lognormal(size=num_features)
    vectors = (rng.normal(size=(num_rows, num_features)) * scales + 3).astype(np.float32)
    told = (vectors[:, 0] - 3) / scales[0] + rng.normal(size=num_rows) * noise
    return vectors, np.digitize(told, np.linspace(-0.5, 0.5, num_classes - 1))


@pytest.mark.parametrize("num_classes", [2, 3])
def test_it_gives_what_the_regression_on_standardised_features_gives(num_classes: int) -> None:
    vectors, labels = draw(200, 6, num_classes, 0.5)
    head = HeadProblem(vectors[None], labels, num_classes).solve(np.arange(160), 0.03)
    regression = make_pipeline(StandardScaler(), LogisticRegression(C=0.03, max_iter=2000))
    expected = regression.fit(vectors[:160], labels[:160]).predict_proba(vectors[160:])
    np.testing.assert_allclose(head.probabilities(vectors[160:]), expected, atol=1e-4)


def test_a_class_without_rows_has_no_chance() -> None:
    rng = np.random.default_rng(0)
    vectors, labels = rng.normal(size=(60, 3)).astype(np.float32), np.repeat([0, 2], 30)
    probabilities = HeadProblem(vectors[None], labels, 3).solve(np.arange(60), 0.1).probabilities(vectors)
    assert probabilities[:, 1].max() < 1e-6
    assert probabilities.sum(axis=1) == pytest.approx(1)


@pytest.mark.parametrize(("num_features", "noise"), [(4, 0.1), (60, 0.3), (150, 3.0)])
def test_the_strength_is_the_best_of_all_that_there_are(num_features: int, noise: float) -> None:
    vectors, labels = draw(240, num_features, 2, noise)
    problem, rows, parts = HeadProblem(vectors[None], labels, 2), np.arange(240), np.arange(240) % 4

    def held_out_loss(exponent: int) -> float:
        heads = [problem.solve(rows[parts != part], 10 ** (exponent / 2)) for part in range(4)]
        losses = [
            row_losses(labels[parts == part], heads[part].probabilities(vectors[parts == part])) for part in range(4)
        ]
        return float(np.concatenate(losses).mean())

    best = min(EXPONENTS, key=held_out_loss)
    assert problem.choose_strength(rows, parts) == pytest.approx(10 ** (best / 2))


def test_a_loss_that_hardly_falls_is_not_followed_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, labels = draw(240, 4, 2, 0.5)
    found = {-5: 0.4, -4: 0.3, -3: 0.2, -2: 0.1999, -1: 0.1}  # by the exponent of half powers of ten
    told = lambda strength: np.full(240, found.get(round(2 * np.log10(strength)), 0.5))  # noqa: E731
    monkeypatch.setattr(HeadProblem, "_fit_again", lambda *_: told)
    chosen = HeadProblem(vectors[None], labels, 2).choose_strength(np.arange(240), np.arange(240) % 4)
    assert chosen == pytest.approx(10**-1.5)


def test_views_count_as_the_rows_they_are_of() -> None:
    vectors, labels = draw(120, 5, 2, 0.5)
    rows = np.arange(120)
    once = HeadProblem(vectors[None], labels, 2).solve(rows, 0.1)
    twice = HeadProblem(np.stack([vectors, vectors]), labels, 2).solve(rows, 0.1)
    np.testing.assert_allclose(twice.probabilities(vectors), once.probabilities(vectors), atol=1e-4)


def test_weights_of_rows_and_of_classes_move_the_answer() -> None:
    vectors, labels = draw(200, 5, 2, 2.0)
    labels[:80] = 0
    plain, balanced = (HeadProblem(vectors[None], labels, 2, balanced=one) for one in (False, True))
    rare = int(np.bincount(labels).argmin())
    rows = np.arange(200)
    assert balanced.solve(rows, 1).probabilities(vectors)[:, rare].mean() > 0.4
    assert plain.solve(rows, 1).probabilities(vectors)[:, rare].mean() < 0.38
    weights = np.where(labels == rare, 5, 1).astype(np.float32)
    weighed = HeadProblem(vectors[None], labels, 2, weights=weights).solve(rows, 1)
    assert weighed.probabilities(vectors)[:, rare].mean() > 0.4


def test_one_part_or_one_class_leaves_a_strength_to_begin_with() -> None:
    vectors, labels = draw(40, 5, 2, 0.5)
    problem = HeadProblem(vectors[None], labels, 2)
    assert problem.choose_strength(np.arange(40), np.zeros(40, dtype=np.int64)) > 0
