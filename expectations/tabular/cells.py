"""Cells are there, and say what their column's kind can hold; `problems` names those that do not."""

from collections.abc import Mapping
from typing import Any, ClassVar

import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, first_rows, percent, positions, share_finding
from expectations.suites import Content
from thawline.formats.decimals import READINGS, mixed_columns, notes_by_column
from thawline.params import Params
from thawline.rows.cells import UNREADABLE, UNUSUAL
from thawline.rows.columns import content_columns, outer_name

NUM_NAMED = 5


class ExpectFewMissingCells(FrameExpectation):
    """In no column more than a share of the values is missing."""

    max_share: float
    rule: ClassVar[str] = "In no column more than a share of $max_share of the values may be missing."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns with the most missing values."""
        return self._judge(frame[content_columns(frame)].isna().mean().fillna(0.0))

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`."""
        names = content_columns(frame)
        shares = spark.aggregate(frame, [f"AVG(INT({spark.quoted(name)} IS NULL))" for name in names])
        return self._judge(pd.Series(shares, index=names, dtype="float64").fillna(0.0))

    def _judge(self, shares: pd.Series) -> Finding:
        shares = shares.sort_values(ascending=False, kind="stable")
        most = float(shares.iloc[0]) if len(shares) else 0.0
        lacking = shares[shares > self.max_share]
        message = (
            f"At most {percent(most)} of a column's values are missing; up to {percent(self.max_share)} may be "
            "(validation.max_missing_cells)."
        )
        if len(lacking):
            named = named_columns({str(name): percent(float(share)) for name, share in lacking.items()})
            message += f" Above it: {named}. Mend the export, or drop these columns (ingest.drop_columns)."
        return Finding(not len(lacking), round(most, 6), self.max_share, message)


class ExpectReadableCells(FrameExpectation):
    """At most a share of the rows has a cell that its column's kind can't hold: it counts as missing."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the rows may have a cell that can't be read."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows, the columns and what is wrong."""
        remedy = "Mend the cells, or name the column's kind in ingest.columns"
        return _problems(frame, UNREADABLE, self.max_share, "max_unreadable_cells", remedy)


class ExpectUsualCells(FrameExpectation):
    """At most a share of the rows has an infinite number, or a number or date written differently from the rest."""

    max_share: float
    rule: ClassVar[str] = "At most a share of $max_share of the rows may have a cell that may be misread."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows, the columns and what is odd."""
        remedy = "Check these cells, and set ingest.decimal and ingest.day_first as the data is written"
        return _problems(frame, UNUSUAL, self.max_share, "max_unusual_cells", remedy)


class ExpectOneDecimalSign(FrameExpectation):
    """In no column a comma or point is now the decimal sign and now parts thousands."""

    rule: ClassVar[str] = "In no column may a comma or point be the decimal sign here and part thousands there."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns, and the rows with either."""
        mixed = mixed_columns(notes_by_column(frame["problems"]))
        kinds = [f"{column}: {note}" for column in mixed for notes in READINGS for note in notes]
        rows = positions(frame["problems"].map(lambda said: not set(kinds).isdisjoint(said.split("; "))))
        message = f"{len(mixed)} columns write numbers in two ways; none may."
        if mixed:
            named = named_columns(dict.fromkeys(mixed, "such as 0,5 and 1,234"))
            message += f" These: {named}. Set ingest.decimal to the decimal sign of the data, or mend the export."
        return Finding(not mixed, len(mixed), 0, message, first_rows(rows), len(rows))


def raw(params: Params, _content: Content) -> list[Any]:
    """Few missing cells, few unreadable, few that may be misread; numbers are written one way."""
    limits = params.validation
    return [
        ExpectFewMissingCells(max_share=limits.max_missing_cells, severity="warning"),
        ExpectReadableCells(max_share=limits.max_unreadable_cells, severity="critical"),
        ExpectUsualCells(max_share=limits.max_unusual_cells, severity="warning"),
        ExpectOneDecimalSign(severity="critical"),
    ]


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)


def named_columns(columns: Mapping[str, str]) -> str:
    """Name the first columns with what is said of each, and count the rest."""
    named = ", ".join(f"{outer_name(name)!r} ({said})" for name, said in list(columns.items())[:NUM_NAMED])
    return named + (f" and {len(columns) - NUM_NAMED} more" if len(columns) > NUM_NAMED else "")


def _problems(frame: pd.DataFrame, notes: tuple[str, ...], limit: float, key: str, remedy: str) -> Finding:
    noted = frame["problems"][frame["problems"] != ""].str.split("; ").explode()
    noted = noted[noted.str.rsplit(": ", n=1).str[-1].isin(notes)]
    counts = noted.value_counts().head(NUM_NAMED)
    said = ", ".join(f"{problem} ({count})" for problem, count in counts.items())
    return share_finding(
        positions(frame.index.isin(noted.index)),
        len(frame),
        limit=limit,
        what=f"have a cell such as these: {said}" if said else f"have a cell marked {' or '.join(map(repr, notes))}",
        key=f"validation.{key}",
        remedy=remedy,
    )
