"""Several labels a row: lists indeed, each label frequent enough, written one way, and telling something of its own."""

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from expectations.common.balance import rows_needed
from expectations.common.drift import judge_drifts
from expectations.common.labels import alike_labels, judge_alike
from expectations.frame import Finding, FrameExpectation, first_rows, positions, share_finding
from expectations.suites import Content
from thawline.params import Params
from thawline.rows.drift import shannon_distance
from thawline.rows.labels import count_label_sets, parse_label_sets
from thawline.scores.metrics import share

NUM_NAMED = 5


class ExpectLabelSets(FrameExpectation):
    """Every label is a list of labels."""

    column: str
    rule: ClassVar[str] = "Every label in $column must be a list of labels."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the labels that are none."""
        is_none = np.array([names is None for names in parse_label_sets(frame["label"])], dtype=bool)
        rows = positions(frame["label"].notna().to_numpy() & is_none)
        message = f"{len(rows)} of {len(frame)} labels in {self.column!r} are no lists of labels; none may be."
        if len(rows):
            named = ", ".join(repr(str(label)[:40]) for label in frame["label"].iloc[rows].unique()[:NUM_NAMED])
            message += (
                f" Among them: {named}. A folder says one label of a picture: list pictures and their labels in a "
                "table, or make the workspace with `thawline init --target classes`."
            )
        return Finding(not len(rows), len(rows), 0, message, first_rows(rows), len(rows))


class ExpectSeveralLabels(FrameExpectation):
    """There are two labels at least, and rows that do not have exactly one of them."""

    column: str
    separator: str
    rule: ClassVar[str] = "There must be two labels at least, and rows that do not have exactly one of them."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Say how many labels there are, and whether any row has none or several."""
        counts = count_label_sets(frame["label"])
        sizes = [len(names) for names in parse_label_sets(frame["label"]) if names is not None]
        is_one_each = bool(sizes) and set(sizes) == {1}
        message = f"The rows have {len(counts)} different labels; at least 2 are needed."
        if not counts:
            message += f" No row has any: look into the column {self.column!r}, or name another ingest.label_column."
        elif len(counts) == 1:
            message += (
                f" {next(iter(counts))!r} alone can be had as a class: write 'yes' or 'no' into each row, and make the "
                "workspace with `thawline init --target classes`."
            )
        elif is_one_each:
            message += (
                f" Each row has exactly one, and {self.separator!r} (target.separator) stands in none: if another sign "
                "parts labels, set it; if rows have one label each, make the workspace with `thawline init --target "
                "classes`."
            )
        return Finding(len(counts) > 1 and not is_one_each, len(counts), 2, message)


class ExpectFrequentLabels(FrameExpectation):
    """Every label has enough distinct rows for the test set and a row in every fold."""

    num_folds: int
    test_share: float
    rule: ClassVar[str] = (
        "Every label needs a distinct row for each of $num_folds folds, beside a test share of $test_share."
    )

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the labels that are too rare, and their rows."""
        needed = rows_needed(self.num_folds, self.test_share)
        counts = count_label_sets(frame.drop_duplicates(["normalised", "label"])["label"])
        rare = sorted((count, name) for name, count in counts.items() if count < needed)
        least = min(counts.values(), default=0)
        message = (
            f"The rarest label has {least} distinct rows; {needed} are needed so that each of {self.num_folds} folds "
            f"(split.num_folds) gets one beside the test set (split.test_share {self.test_share:g})."
        )
        if rare:
            named = ", ".join(f"{name!r} ({count})" for count, name in rare[:NUM_NAMED])
            more = f" and {len(rare) - NUM_NAMED} more" if len(rare) > NUM_NAMED else ""
            message += f" Too rare: {named}{more}. Add rows with them, merge them into others, or take them out."
        names = {name for _, name in rare}
        rows = positions(pd.Series([bool(names.intersection(own or ())) for own in parse_label_sets(frame["label"])]))
        return Finding(not rare, least, needed, message, first_rows(rows), len(rows))


class ExpectLabelledRows(FrameExpectation):
    """At most a share of the rows has none of the labels."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the rows may have none of the labels."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows without a label, and say how many labels the others have."""
        sizes = np.array([-1 if names is None else len(names) for names in parse_label_sets(frame["label"])], dtype=int)
        counted = np.bincount(sizes[sizes > 0]) if (sizes > 0).any() else np.zeros(0, dtype=int)
        told = ", ".join(f"{count} rows have {size}" for size, count in enumerate(counted) if count)
        return share_finding(
            positions(sizes == 0),
            len(frame),
            limit=self.max_share,
            what=f"have none of the labels ({told or 'nor has any row one'})",
            key="target.max_unlabelled_share",
            remedy="If none applies, all is well; a row that nobody has looked at should have an empty cell",
        )


class ExpectDifferentLabels(FrameExpectation):
    """No two labels go together so often that one says the other."""

    max_overlap: float
    rule: ClassVar[str] = "Of the rows with either of two labels, at most a share of $max_overlap may have both."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the pairs that go together most."""
        counts = count_label_sets(frame["label"])
        names = list(counts)
        overlaps = _overlaps(frame["label"], names)
        first, second = np.nonzero(np.triu(overlaps, 1) > self.max_overlap)
        order = np.argsort(-overlaps[first, second], kind="stable")
        most = float(np.triu(overlaps, 1).max(initial=0.0))
        message = (
            f"Of the rows with either of two labels, {most:.1%} have both where they go together most; at most "
            f"{self.max_overlap:.1%} is expected (target.max_pair_overlap)."
        )
        if len(order):
            pairs = [(names[first[i]], names[second[i]], overlaps[first[i], second[i]]) for i in order[:NUM_NAMED]]
            named = ", ".join(f"{one!r} and {other!r} ({share:.1%})" for one, other, share in pairs)
            message += f" Such pairs: {named}. One of the two says the other: take one out, or see how they are given."
        return Finding(not len(order), round(most, 6), self.max_overlap, message)


class ExpectDistinctLabelNames(FrameExpectation):
    """No two labels differ only in case, white space or Unicode form."""

    rule: ClassVar[str] = "No two labels may differ only in case, white space or the form of their characters."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the labels that look alike with their rows."""
        counts = pd.Series(count_label_sets(frame["label"]), dtype="int64").sort_values(ascending=False, kind="stable")
        return judge_alike(counts, alike_labels(counts), "labels")


class ExpectLabelsInEveryFold(FrameExpectation):
    """Each of the folds within train, and the test set, holds every label."""

    num_folds: int
    first_fold: int = 0
    rule: ClassVar[str] = "Each of $num_folds folds, and the test set, must hold every label."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the folds and the labels they lack."""
        names = list(count_label_sets(frame["label"]))
        is_train = frame["split"] == "train"
        parts = {f"fold {fold}": is_train & (frame["fold"] == fold) for fold in range(self.first_fold, self.num_folds)}
        lacking, least = list[str](), len(frame)
        for part, rows in {**parts, "the test set": frame["split"] == "test"}.items():
            counts = count_label_sets(frame.loc[rows, "label"])
            lacking += [f"{part} has no {name!r}" for name in names if name not in counts]
            least = min([least, *(counts.get(name, 0) for name in names)])
        message = f"The rarest label has at least {least} rows in each of {self.num_folds} folds and the test set."
        if lacking:
            message += f" {'; '.join(lacking[:NUM_NAMED])}. Add rows with these labels, or lower split.num_folds."
        return Finding(not lacking, least, 1, message)


class ExpectStableLabelShares(FrameExpectation):
    """The shares of the labels have not drifted: their Jensen-Shannon distance is at most a limit."""

    labels: dict[str, int]
    max_distance: float
    min_rows: int
    rule: ClassVar[str] = "The Jensen-Shannon distance of the labels must be at most $max_distance."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Say how far the labels of new rows are from those so far."""
        drifts = {"label": shannon_distance(self.labels, count_label_sets(frame["label"]))}
        what = "Jensen-Shannon distance"
        return judge_drifts(drifts, len(frame), self, limit=self.max_distance, what=what, key="max_category_drift")


def raw(params: Params, _content: Content) -> list[Any]:
    """Lists of two labels at least, none of them too rare, each written one way and different from the others."""
    target, split, column = params.target, params.split, params.ingest.label_column
    return [
        ExpectLabelSets(column=column, severity="critical"),
        ExpectSeveralLabels(column=column, separator=target.separator, severity="critical"),
        ExpectFrequentLabels(num_folds=split.num_folds, test_share=split.test_share, severity="critical"),
        *_told(params),
    ]


def processed(params: Params, _content: Content) -> list[Any]:
    """Every fold and the test set can measure every label."""
    first = 0 if params.split.time_column is None else -1  # by time the first block is only learned from
    return [
        ExpectLabelsInEveryFold(num_folds=params.split.num_folds, first_fold=first, severity="critical"),
        *_told(params),
    ]


def arrival(params: Params, _content: Content, profile: Mapping[str, Any]) -> list[Any]:
    """As raw, but a few new rows may lack labels; and their shares have not drifted."""
    limits = params.validation
    return [
        ExpectLabelSets(column=params.ingest.label_column, severity="critical"),
        *_told(params),
        ExpectStableLabelShares(
            labels=profile["labels"],
            max_distance=limits.max_category_drift,
            min_rows=limits.min_drift_rows,
            severity="warning",
        ),
    ]


def _told(params: Params) -> list[Any]:
    target = params.target
    return [
        ExpectLabelledRows(max_share=target.max_unlabelled_share, severity="warning"),
        ExpectDifferentLabels(max_overlap=target.max_pair_overlap, severity="warning"),
        ExpectDistinctLabelNames(severity="warning"),
    ]


def _overlaps(labels: pd.Series, names: list[str]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return, for each pair of labels, the share of the rows with either that has both (Jaccard index)."""
    numbers = {name: number for number, name in enumerate(names)}
    found = np.zeros((len(labels), len(names)))
    for row, own in enumerate(parse_label_sets(labels)):
        found[row, [numbers[name] for name in own or ()]] = 1
    both, own_counts = found.T @ found, found.sum(axis=0)
    either = own_counts[:, None] + own_counts - both
    return share(both, either)
