"""New rows have the shape of those so far: the same columns and the same classes.

Only in the suite `arrival`. What a change means is for the owner to say: a param each accepts it with a word, refuses
the file, or looks away.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation, first_rows, positions
from expectations.suites import CLASSES, Content
from thawline.params import Params
from thawline.rows.columns import content_columns, outer_name

NUM_NAMED = 5
CHANCE = 0.001
"""A class counts as absent where so few rows would lack it by chance less often than this."""
SEVERITIES = {"accept": "warning", "refuse": "critical"}


class ExpectColumnsSeenBefore(FrameExpectation):
    """Every column of the new rows is one of those so far."""

    columns: list[str]
    rule: ClassVar[str] = "Every column of new rows must be one of those so far."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the new columns."""
        new = sorted(set(content_columns(frame)) - set(self.columns))
        message = f"{len(new)} columns were in no file so far (validation.new_columns)."
        if new:
            message += (
                f" New: {_named(new)}. Older rows lack them: leave them out (ingest.drop_columns), or accept that they "
                "are filled in there."
            )
        return Finding(not new, len(new), 0, message)


class ExpectColumnsStillThere(FrameExpectation):
    """Every column of the rows so far is one of the new rows', too."""

    columns: list[str]
    rule: ClassVar[str] = "Every column of the rows so far must be in new rows, too."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns that are absent."""
        absent = sorted(set(self.columns) - set(content_columns(frame))) if len(frame) else []
        message = f"{len(absent)} columns of the rows so far are not in the file (validation.absent_columns)."
        if absent:
            message += f" Absent: {_named(absent)}. Mend the export, or accept that they are filled in."
        return Finding(not absent, len(absent), 0, message)


class ExpectClassesSeenBefore(FrameExpectation):
    """Every label of the new rows is one of those so far."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    labels: dict[str, int]
    rule: ClassVar[str] = "Every label of new rows must be one of those so far."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the new labels and their rows."""
        rows = positions(frame["label"].notna() & ~frame["label"].isin(list(self.labels)))
        message = f"{len(rows)} rows have a label that no row had so far (validation.new_classes)."
        if len(rows):
            named = ", ".join(repr(label) for label in frame["label"].iloc[rows].unique()[:NUM_NAMED])
            message += f" New: {named}. Mend the labels, or hand over enough rows of a new class to learn it."
        return Finding(not len(rows), len(rows), 0, message, first_rows(rows), len(rows))


class ExpectClassesStillThere(FrameExpectation):
    """No class of the rows so far is absent from the new ones by more than chance."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    labels: dict[str, int]
    rule: ClassVar[str] = "No class of the rows so far may be absent by more than chance."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the classes that are absent though so many rows should have some."""
        total, there = sum(self.labels.values()), set(frame["label"].dropna())
        absent = {
            name: count / total * len(frame)
            for name, count in self.labels.items()
            if name not in there and (1 - count / total) ** len(frame) < CHANCE
        }
        message = f"{len(absent)} classes of the rows so far have no row (validation.absent_classes)."
        if absent:
            named = ", ".join(f"{name!r} (some {rows:.0f} expected)" for name, rows in list(absent.items())[:NUM_NAMED])
            message += f" Absent: {named}. Check whether the export leaves them out, or the label is written otherwise."
        return Finding(not absent, len(absent), 0, message)


def arrival(params: Params, _content: Content, profile: Mapping[str, Any]) -> list[Any]:
    """Columns and classes are those so far, as severe as the params say."""
    rules, columns, labels = params.validation, list(profile["columns"]), profile["labels"]
    asked = [
        (rules.new_columns, ExpectColumnsSeenBefore, {"columns": columns}),
        (rules.absent_columns, ExpectColumnsStillThere, {"columns": columns}),
        (rules.new_classes, ExpectClassesSeenBefore, {"labels": labels}),
        (rules.absent_classes, ExpectClassesStillThere, {"labels": labels}),
    ]
    return [made(**known, severity=SEVERITIES[rule]) for rule, made, known in asked if rule != "ignore"]


def _named(columns: list[str]) -> str:
    more = f" and {len(columns) - NUM_NAMED} more" if len(columns) > NUM_NAMED else ""
    return ", ".join(repr(outer_name(name)) for name in columns[:NUM_NAMED]) + more
