"""No class is too rare to be learnt, or to be measured in every fold."""

import dataclasses
import math
from typing import Any, ClassVar

import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, percent
from expectations.suites import CLASSES, Content
from thawline.params import Params


class ExpectRarestClassShare(FrameExpectation):
    """The rarest class has at least a share of the rows."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    min_share: float
    rule: ClassVar[str] = "The rarest class must have a share of at least $min_share of the rows."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rarest class and its share."""
        return self._judge(frame["label"].value_counts())

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`."""
        return self._judge(spark.value_counts(frame, "label"))

    def _judge(self, counts: pd.Series) -> Finding:
        if counts.empty:
            return Finding(False, 0.0, self.min_share, "No row has a label.")
        share = float(counts.iloc[-1] / counts.sum())
        passed = share >= self.min_share
        message = (
            f"The rarest class, {counts.index[-1]!r}, has {percent(share)} of the rows ({counts.iloc[-1]}); at least "
            f"{percent(self.min_share)} is expected (validation.min_class_share)."
        )
        remedy = "" if passed else " Collect more of it, or set train.class_weights to 'balanced'."
        return Finding(passed, round(share, 6), self.min_share, message + remedy)


class ExpectModerateImbalance(FrameExpectation):
    """The most frequent class is at most so many times as frequent as the rarest."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    max_ratio: float
    rule: ClassVar[str] = "The most frequent class may have at most $max_ratio times the rows of the rarest."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name both classes and the ratio."""
        return self._judge(frame["label"].value_counts())

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`."""
        return self._judge(spark.value_counts(frame, "label"))

    def _judge(self, counts: pd.Series) -> Finding:
        if counts.empty:
            return Finding(False, 0.0, self.max_ratio, "No row has a label.")
        ratio = float(counts.iloc[0] / counts.iloc[-1])
        passed = ratio <= self.max_ratio
        message = (
            f"Class {counts.index[0]!r} has {ratio:.1f} times the rows of {counts.index[-1]!r} ({counts.iloc[0]} and "
            f"{counts.iloc[-1]}); at most {self.max_ratio:g} times is expected (validation.max_imbalance_ratio)."
        )
        remedy = "" if passed else " Collect more of the rarest, or set train.class_weights to 'balanced'."
        return Finding(passed, round(ratio, 4), self.max_ratio, message + remedy)


class ExpectRowsForFolds(FrameExpectation):
    """Every class has enough distinct rows for the test set and a row in every fold."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    num_folds: int
    test_share: float
    rule: ClassVar[str] = (
        "Every class needs a distinct row for each of $num_folds folds, beside a test share of $test_share."
    )

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the classes that are too small."""
        counts = frame.drop_duplicates(["normalised", "label"])["label"].value_counts()
        finding = self._judge(counts)
        rows = frame.index[frame["label"].isin(counts[counts < int(str(finding.limit))].index)]
        return dataclasses.replace(finding, rows=rows.tolist()[:10], num_unexpected=len(rows))

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are counted once a content."""
        counts = spark.value_counts(frame.select("normalised", "label").distinct(), "label")
        return self._judge(counts)

    def _judge(self, counts: pd.Series) -> Finding:
        needed = rows_needed(self.num_folds, self.test_share)
        small = counts[counts < needed]
        least = int(counts.min()) if len(counts) else 0
        message = (
            f"The smallest class has {least} distinct rows; {needed} are needed so that each of {self.num_folds} folds "
            f"(split.num_folds) gets one beside the test set (split.test_share {self.test_share:g})."
        )
        if len(small):
            named = ", ".join(f"{label!r} ({count})" for label, count in small.iloc[::-1][:10].items())
            message += f" Too small: {named}. Add rows of these classes, merge them, or use fewer folds."
        return Finding(least >= needed, least, needed, message, (), int(small.sum()))


def rows_needed(num_folds: int, test_share: float) -> int:
    """Return the fewest rows of a class that leave `num_folds` in train once its test share, rounded, is gone."""
    num_rows = num_folds
    while num_rows - math.floor(num_rows * test_share + 0.5 + 1e-9) < num_folds:
        num_rows += 1
    return num_rows


def raw(params: Params, _content: Content) -> list[Any]:
    """Balance as it arrived."""
    limits = params.validation
    return [
        ExpectRarestClassShare(min_share=limits.min_class_share, severity="warning"),
        ExpectModerateImbalance(max_ratio=limits.max_imbalance_ratio, severity="warning"),
        ExpectRowsForFolds(num_folds=params.split.num_folds, test_share=params.split.test_share, severity="critical"),
    ]
