"""How far a period's rows are from others: four findings, each with what people read and how surprising it is.

A surprise `z` is a standard normal deviate where both are drawn alike, higher is further, so that findings of any kind
have one scale:

- vectors: the area under the ROC curve of a classifier that tells both apart (Lopez-Paz and Oquab 2017);
- columns: the population stability index of the measure that has moved most; the surprise is that of Pearson's
  chi-square on the same bins, for the number of measures;
- answers: the same of the classes or numbers answered;
- accuracy: what calibrated confidence promises (Guillory et al. 2021; Garg et al. 2022), where it has fallen.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict
from scipy import stats
from scipy.special import expit, logit

from thawline.rows.drift import NUM_BINS, count_bins, count_categories, stability_index
from thawline.rows.novelty import SURE, chance_area, told_apart
from thawline.scores.calibration import SMALLEST
from thawline.watching.kept import ANSWER, CONFIDENCE, MEASURE, VECTOR

MIN_EXPECTED = 1.0
"""Bins that fewer of the new rows would be in are taken together (Cochran 1954); by 5, 150 classes would be one."""
SPREAD = 1.6
"""Areas of cross-fitted classifiers vary so much more than those of scores known beforehand: docs/decisions.md."""


class Finding(BaseModel):
    """`what` was looked at, its `value` for people, its surprise `z`, and `about` which of several it is."""

    model_config = ConfigDict(frozen=True)

    what: str
    value: float
    z: float
    about: str = ""


class Calibration(BaseModel):
    """How often answers of a confidence are right: logistic in its logit (Platt 1999), fitted on `num_rows` rows."""

    model_config = ConfigDict(frozen=True)

    slope: float = 1.0
    intercept: float = 0.0
    num_rows: int = 0

    def expected(self, confidence: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the probability (rows,) that an answer of each confidence (0 to 1) is right."""
        right: NDArray[np.float64] = expit(self.slope * _logit(confidence) + self.intercept)
        return right


def fit_calibration(confidence: NDArray[np.float64], is_right: NDArray[np.bool_]) -> Calibration:
    """Fit on rows that the model had not seen; where all or none are right, confidence is taken as it is."""
    if len(np.unique(is_right)) < 2:
        return Calibration(num_rows=len(is_right))
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=1e3).fit(_logit(confidence)[:, None], is_right)
    return Calibration(slope=fitted.coef_[0, 0], intercept=fitted.intercept_[0], num_rows=len(is_right))


def compare(rows: pd.DataFrame, basis: pd.DataFrame, calibration: Calibration | None) -> list[Finding]:
    """Return the findings on rows against a basis; both as `thawline.watching.kept` has them.

    Args:
        rows: Of one period.
        basis: Rows of before, answered by the same model.
        calibration: None where answers have no confidence.
    """
    found = []
    if VECTOR in rows and VECTOR in basis:
        found.append(_vectors(basis[VECTOR], rows[VECTOR]))
    measures = [name for name in basis if str(name).startswith(MEASURE) and name in rows]
    columns = [(_moved(basis[name], rows[name]), str(name)) for name in measures if basis[name].dtype.kind != "M"]
    if columns:
        (index, z), name = max(columns, key=lambda each: each[0][1])
        found.append(
            Finding(what="columns", value=index, z=_of_many(z, len(columns)), about=name.removeprefix(MEASURE))
        )
    index, z = _moved(basis[ANSWER], rows[ANSWER])
    found.append(Finding(what="answers", value=index, z=z))
    if calibration is not None:
        now, before = (calibration.expected(of_answered(each)) for each in (rows, basis))
        if min(len(now), len(before)) > 1:
            error = np.sqrt(now.var(ddof=1) / len(now) + before.var(ddof=1) / len(before))
            z = float((before.mean() - now.mean()) / max(error, SMALLEST))
            found.append(Finding(what="accuracy", value=float(now.mean()), z=z))
    return found


def of_answered(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the confidence of the rows that have an answer."""
    return rows.loc[rows[ANSWER].notna(), CONFIDENCE].to_numpy(np.float64)


def expected_range(rows: pd.DataFrame, calibration: Calibration) -> tuple[float, float, float] | None:
    """Return the expected accuracy of answered rows and the ends of its 95 % interval; None where none has an answer.

    It holds chance among these rows and those of the calibration; not that confidence may mean something else now.
    """
    expected = calibration.expected(of_answered(rows))
    if not len(expected):
        return None
    mean = float(expected.mean())
    spread = float((expected * (1 - expected)).sum()) / len(expected) ** 2
    spread += mean * (1 - mean) / max(calibration.num_rows, 1)
    half = 1.96 * float(np.sqrt(spread))
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def surprise(before: Sequence[int], after: Sequence[int]) -> tuple[float, float]:
    """Return the population stability index of two rows of counts, and the surprise `z` of Pearson's chi-square.

    The chi-square distribution that it has by chance becomes a normal one by its cube root (Wilson and Hilferty 1931).
    """
    old, new = np.asarray(before, dtype=np.float64), np.asarray(after, dtype=np.float64)
    if not old.sum() or not new.sum():
        return 0.0, 0.0
    is_rare = (old + new) * new.sum() / (old.sum() + new.sum()) < MIN_EXPECTED
    counts = np.array([np.append(each[~is_rare], each[is_rare].sum()) for each in (old, new)])
    counts = counts[:, counts.sum(axis=0) > 0]
    index, _ = stability_index(*counts.astype(int).tolist())
    freedom = counts.shape[1] - 1
    if freedom < 1:
        return index, 0.0
    scaled = stats.chi2_contingency(counts, correction=False).statistic / freedom
    spread = 2 / (9 * freedom)
    return index, float((np.cbrt(scaled) - (1 - spread)) / np.sqrt(spread))


def _vectors(before: pd.Series, after: pd.Series) -> Finding:
    old, new = (np.stack(each.tolist()).astype(np.float32) for each in (before, after))
    area = float(told_apart(old, new).mean())
    deviation = (chance_area(len(old), len(new)) - 0.5) / SURE
    return Finding(what="vectors", value=area, z=(area - 0.5) / (SPREAD * deviation))


def _moved(before: pd.Series, after: pd.Series) -> tuple[float, float]:
    if pd.api.types.is_numeric_dtype(before) and pd.api.types.is_numeric_dtype(after):
        known = before.dropna().to_numpy(np.float64)
        edges = np.unique(np.quantile(known, np.arange(1, NUM_BINS) / NUM_BINS)).tolist() if len(known) else []
        return surprise(count_bins(before, edges), count_bins(after, edges))
    old, new = (count_categories(each.astype("str")) for each in (before, after))
    names = list(dict.fromkeys((*old, *new)))
    return surprise([old.get(name, 0) for name in names], [new.get(name, 0) for name in names])


def _of_many(z: float, number: int) -> float:
    """Return the surprise of the largest of several (Sidak 1967)."""
    chance = -np.expm1(number * np.log1p(-stats.norm.sf(z)))
    if chance > SMALLEST:
        return float(stats.norm.isf(chance))
    return float(np.sqrt(z * z - 2 * np.log(number)))


def _logit(probability: NDArray[np.float64]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = logit(np.clip(probability, 1e-6, 1 - 1e-6))
    return odds
