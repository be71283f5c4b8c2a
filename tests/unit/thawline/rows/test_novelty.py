"""Measures on vectors agree with brute force, know what chance gives, and see what they are meant to see."""

import numpy as np
import pandas as pd
import pytest

from thawline.rows.novelty import chance_area, effective_number, novelty, sample_positions, told_apart


def cloud(num_rows: int, *, seed: int, shift: float = 0.0, dimensions: int = 8) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return (generator.normal(size=(num_rows, dimensions)) + shift).astype(np.float32)


def test_novelty_is_the_distance_to_the_nearest_row_in_usual_distances() -> None:
    reference, new = cloud(1500, seed=0), cloud(40, seed=1)
    all_pairs = np.linalg.norm(reference[:, None] - reference[None], axis=2)
    np.fill_diagonal(all_pairs, np.inf)
    usual = np.quantile(all_pairs.min(axis=1), 0.99)
    nearest = np.linalg.norm(new[:, None] - reference[None], axis=2).min(axis=1)
    np.testing.assert_allclose(novelty(reference, new), nearest / usual, rtol=1e-4)


@pytest.mark.parametrize(("shift", "least", "most"), [(0.0, 0.0, 0.06), (8.0, 1.0, 1.0)])
def test_rows_from_elsewhere_are_novel_and_others_are_not(shift: float, least: float, most: float) -> None:
    share = float((novelty(cloud(400, seed=0), cloud(200, seed=1, shift=shift)) > 1).mean())
    assert least <= share <= most


def test_a_copy_of_the_reference_is_not_novel() -> None:
    assert (novelty(cloud(50, seed=0), cloud(50, seed=0)) < 0.01).all()
    assert (novelty(cloud(1, seed=0), cloud(1, seed=0)) == 0).all()


def test_the_mean_share_is_the_area_under_the_roc_curve_and_chance_is_not_exceeded() -> None:
    areas = [told_apart(cloud(150, seed=seed), cloud(90, seed=100 + seed)).mean() for seed in range(10)]
    assert max(areas) <= chance_area(150, 90)
    assert np.mean(areas) == pytest.approx(0.5, abs=0.05)


def test_shifted_rows_are_told_apart() -> None:
    shares = told_apart(cloud(150, seed=0), cloud(90, seed=1, shift=1.5))
    assert shares.shape == (90,)
    assert shares.mean() > 0.95 > chance_area(150, 90)


def test_too_few_rows_are_never_told_apart() -> None:
    assert told_apart(cloud(150, seed=0), cloud(3, seed=1, shift=9)).tolist() == [0.5] * 3
    assert chance_area(150, 0) == 1


def test_the_effective_number_counts_what_differs() -> None:
    axes = np.concatenate([np.eye(6), -np.eye(6)]).astype(np.float32)
    assert effective_number(axes) == pytest.approx(6)
    assert effective_number(np.repeat(axes, 20, axis=0)) == pytest.approx(6)
    assert effective_number(np.ones((9, 4), dtype=np.float32)) == 1
    assert effective_number(np.ones((1, 4), dtype=np.float32)) == 1


def test_the_sample_depends_on_contents_and_mostly_stays() -> None:
    contents = pd.Series([f"text {n}" for n in range(1000)], dtype="str")
    drawn = set(contents.iloc[sample_positions(contents, 100)])
    shuffled = contents.sample(frac=1, random_state=0)
    assert set(shuffled.iloc[sample_positions(shuffled, 100)]) == drawn
    grown = pd.concat([contents, contents + " more"], ignore_index=True)
    assert len(drawn & set(grown.iloc[sample_positions(grown, 100)])) > 30


def test_the_sample_has_distinct_contents_and_no_empty_ones() -> None:
    contents = pd.Series(["a", "", "a", "b", "b", ""], dtype="str")
    assert contents.iloc[sample_positions(contents, 10)].tolist() == ["a", "b"]
