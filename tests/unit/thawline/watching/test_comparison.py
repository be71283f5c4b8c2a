"""How far rows are from others: surprises are standard normal by chance, and name what has moved."""

import numpy as np
import pandas as pd
import pytest

from thawline.watching.comparison import Calibration, Finding, compare, expected_range, fit_calibration, surprise


def rows(num: int, rng: np.random.Generator, *, num_measures: int = 12) -> pd.DataFrame:
    measures = {f"measure.{number}": rng.normal(size=num) for number in range(num_measures)}
    frame = pd.DataFrame({"answer": rng.choice(list("aab"), num), "confidence": rng.uniform(0.5, 1, num), **measures})
    frame["measure.city"] = pd.Series(rng.choice(["Rome", "Oslo"], num), dtype="str")
    frame["measure.seen"] = pd.Timestamp("2026-01-01")
    return frame.assign(vector=list(rng.normal(size=(num, 4)).astype(np.float16)))


def found(after: pd.DataFrame, before: pd.DataFrame) -> dict[str, Finding]:
    return {one.what: one for one in compare(after, before, Calibration())}


def test_surprises_of_rows_that_are_alike_are_standard_normal() -> None:
    rng = np.random.default_rng(0)
    before = rows(2000, rng).drop(columns="vector")
    many = pd.DataFrame([{what: one.z for what, one in found(rows(300, rng), before).items()} for _ in range(60)])
    assert list(many) == ["columns", "answers", "accuracy"]
    assert many.mean().abs().max() < 0.5
    assert many.std().between(0.7, 1.3).all()


def test_what_has_moved_is_named_and_the_rest_is_calm() -> None:
    rng = np.random.default_rng(1)
    before, after = rows(1000, rng), rows(300, rng)
    told = found(after.assign(**{"measure.3": np.nan}), before)
    assert told["columns"].about == "3"
    assert told["columns"].z > 10
    assert max(told[name].z for name in ("vectors", "answers", "accuracy")) < 3.5
    assert found(after.assign(**{"measure.city": "Rome"}), before)["columns"].about == "city"
    assert found(after.assign(answer="b"), before)["answers"].z > 10
    assert found(after.assign(vector=list(rng.normal(0.7, size=(300, 4)))), before)["vectors"].z > 5


def test_confidence_that_falls_is_a_surprise_and_one_that_rises_is_none() -> None:
    rng = np.random.default_rng(2)
    before, after = rows(1000, rng), rows(300, rng)
    assert found(after.assign(confidence=0.55), before)["accuracy"].z > 5
    assert found(after.assign(confidence=0.99), before)["accuracy"].z < 0


def test_many_rare_classes_that_move_together_are_seen() -> None:
    rng = np.random.default_rng(3)
    shares = np.full(150, 1 / 150)
    before = rng.multinomial(2000, shares).tolist()
    calm = [surprise(before, rng.multinomial(300, shares).tolist())[1] for _ in range(100)]
    shares[:15] *= 4
    moved = surprise(before, rng.multinomial(300, shares / shares.sum()).tolist())[1]
    assert abs(np.mean(calm)) < 0.4
    assert moved > 4


@pytest.mark.parametrize(("before", "after"), [([5, 5], [0, 0]), ([9], [4]), ([0, 0], [3, 4])])
def test_nothing_is_surprising_where_there_is_nothing_to_compare(before: list[int], after: list[int]) -> None:
    assert surprise(before, after)[1] == 0


def test_expected_accuracy_is_that_of_rows_like_those_of_the_calibration() -> None:
    rng = np.random.default_rng(4)
    truth = rng.uniform(0.3, 1, 4000)
    overconfident = 1 / (1 + np.exp(-2 * np.log(truth / (1 - truth) + 1e-9)))
    is_right = rng.random(4000) < truth
    calibration = fit_calibration(overconfident[:2000], is_right[:2000])
    kept = pd.DataFrame({"answer": "a", "confidence": overconfident[2000:]})
    mean, low, high = expected_range(kept, calibration) or (0, 0, 0)
    assert mean == pytest.approx(is_right[2000:].mean(), abs=0.03)
    assert low < is_right[2000:].mean() < high
    assert expected_range(kept.assign(answer=None), calibration) is None
    assert fit_calibration(np.ones(5), np.ones(5, dtype=bool)) == Calibration(num_rows=5)
