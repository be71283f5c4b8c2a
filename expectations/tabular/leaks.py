"""No column gives the label away."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation
from expectations.suites import Content
from expectations.tabular.cells import named_columns
from thawline.params import Params
from thawline.rows.columns import content_columns
from thawline.rows.labels import strata_of

MAX_ROWS = 100_000
MAX_VALUES = 1000
NUM_BINS = 256
MIN_CLASS_ROWS = 4

Ints = npt.NDArray[np.int64]


class ExpectNoLeakingColumns(FrameExpectation):
    """No single column predicts the label almost perfectly: a copy of it, in whatever code, or its consequence."""

    max_score: float
    rule: ClassVar[str] = "No single column may predict the label with a score above $max_score."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns that predict the label, the best first."""
        return self._judge(score_columns(frame, content_columns(frame)))

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`, on a sample of rows."""
        names = content_columns(frame)
        return self._judge(score_columns(spark.sample(frame, [*names, "label"], MAX_ROWS), names))

    def _judge(self, scores: dict[str, float]) -> Finding:
        ordered = sorted(scores.items(), key=lambda item: -item[1])
        best, score = ordered[0] if ordered else ("", 0.0)
        leaking = {name: f"{value:.3f}" for name, value in ordered if value > self.max_score}
        message = (
            f"The column that predicts the label best by itself, {best!r}, has a score of {score:.3f} (0 is guessing, "
            f"1 is perfect); at most {self.max_score:g} is allowed (validation.max_column_score)."
        )
        if leaking:
            message += (
                f" Leaking: {named_columns(leaking)}. If it is not known when the model is asked, drop it "
                "(ingest.drop_columns); else raise the limit: no model is needed."
            )
        return Finding(not leaking, round(score, 6), self.max_score, message)


def raw(params: Params, _content: Content) -> list[Any]:
    """No column leaks."""
    return [ExpectNoLeakingColumns(max_score=params.validation.max_column_score, severity="critical")]


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw: new rows may bring a new column."""
    return raw(params, content)


def score_columns(frame: pd.DataFrame, columns: list[str]) -> dict[str, float]:
    """Score how well each column alone predicts the label, by balanced accuracy above guessing (0) up to perfect (1).

    The most frequent label of each value (of each of NUM_BINS bins for a column of many numbers) is learned on one
    half of the rows and tested on the other, and the other way round: so an id, whose values never come again, does
    not score. Classes of fewer than MIN_CLASS_ROWS rows are left out; of more than MAX_ROWS rows a sample is looked
    at. Of numbers it is the range that has to be told.
    """
    told = strata_of(frame)
    sizes = told.map(told.value_counts())
    rows = np.flatnonzero((sizes >= MIN_CLASS_ROWS).to_numpy(dtype=bool, na_value=False))
    generator = np.random.default_rng(0)
    rows = generator.permutation(rows)[:MAX_ROWS]
    labels, classes = pd.factorize(told.iloc[rows])
    if len(classes) < 2:
        return dict.fromkeys(columns, 0.0)
    labels = labels.astype(np.int64)
    half = np.arange(len(rows)) % 2 == 0
    scores = {}
    for name in columns:
        codes = _codes(frame[name].iloc[rows])
        hits = np.zeros(len(rows), dtype=bool)
        for learned in (half, ~half):
            hits[~learned] = _predict(codes[learned], labels[learned], codes[~learned]) == labels[~learned]
        recall = np.bincount(labels, weights=hits) / np.bincount(labels)
        guessing = 1 / len(classes)
        scores[name] = float(max(0.0, (recall.mean() - guessing) / (1 - guessing)))
    return scores


def _codes(values: pd.Series) -> Ints:
    """Number the values; missing ones count as a value."""
    codes, distinct = pd.factorize(values)
    if len(distinct) > MAX_VALUES and not pd.api.types.is_string_dtype(values):
        numbers = values.rank(method="dense").to_numpy(np.float64)
        edges = np.unique(np.nanquantile(numbers, np.arange(1, NUM_BINS) / NUM_BINS))
        codes = np.where(np.isnan(numbers), -1, np.searchsorted(edges, numbers, side="right"))
    return codes.astype(np.int64) + 1


def _predict(codes: Ints, labels: Ints, asked: Ints) -> Ints:
    """Return for each asked code its most frequent label; the most frequent of all for one that was not learned."""
    num_labels = int(labels.max(initial=0)) + 1
    pairs, counts = np.unique(codes * num_labels + labels, return_counts=True)
    order = np.lexsort((-counts, pairs // num_labels))
    pairs = pairs[order]
    first = np.append(True, np.diff(pairs // num_labels) > 0) if len(pairs) else np.zeros(0, dtype=bool)
    known, best = pairs[first] // num_labels, pairs[first] % num_labels
    usual = int(np.bincount(labels).argmax()) if len(labels) else 0
    if not len(known):
        return np.full(len(asked), usual, dtype=np.int64)
    place = np.minimum(np.searchsorted(known, asked), len(known) - 1)
    return np.where(known[place] == asked, best[place], usual).astype(np.int64)
