"""The judgement of an arrival, with rows that break critical checks parted from the rest where a tolerance allows it.

Checks name all rows that break them, if no more do than may go. The rest is then checked once; only where rows that
went make others fail, such as a class that is too small now, it is parted again, until it passes, until more than
`arrive.max_bad_row_share` would go, or until a check fails that names no rows: then the whole file is refused.
"""

import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import BaseModel, ConfigDict

from expectations.report import Check, ValidationReport
from tasks.checking.rows_so_far import RowsSoFar
from tasks.checking.validate import validate_against
from thawline.errors import DataError
from thawline.formats.decimals import has_decimal_commas
from thawline.formats.spreadsheets import guarded, to_csv
from thawline.formats.tables import is_table, read_table
from thawline.params import Params
from thawline.workspace import Workspace


class Judgement(BaseModel):
    """What to do with an arrival: the report says whether it passed.

    `good` and `bad` are the contents of the two files that it is parted into, None where it stays whole; `suffix` is
    the format of both. `num_rows` counts all rows, `num_bad` those of `bad`.
    """

    model_config = ConfigDict(frozen=True)

    report: ValidationReport
    num_rows: int = 0
    num_bad: int = 0
    good: bytes | None = None
    bad: bytes | None = None
    suffix: str = ""
    reason: str = ""


def judge(path: Path, so_far: RowsSoFar | None, workspace: Workspace, params: Params) -> Judgement:
    """Check a file against the rows so far, and without its bad rows where the params allow that.

    Raises:
        ParamsError: The params can't be used on any file.
    """
    try:
        tolerated = params.arrive.max_bad_row_share if is_table(path) else 0.0
        report = validate_against(so_far, path, workspace, params, named_share=tolerated)
    except DataError as error:
        return refusal(path.name, str(error))
    if report.passed or not tolerated:
        return Judgement(report=report.shortened(), num_rows=report.num_rows)
    return _part(path, so_far, workspace, params, report)


def refusal(name: str, reason: str) -> Judgement:
    """Return the judgement of a file whose rows could not be looked at."""
    check = Check(
        name="expect_readable_file",
        column=None,
        severity="critical",
        passed=False,
        value=name,
        limit=None,
        message=reason,
        num_unexpected=0,
        examples=(),
    )
    report = ValidationReport(
        title=f"arrival {name}", suite="arrival", num_rows=0, rows_per_class={}, sources=(name,), checks=(check,)
    )
    return Judgement(report=report)


def _part(
    path: Path, so_far: RowsSoFar | None, workspace: Workspace, params: Params, first: ValidationReport
) -> Judgement:
    table = read_table(path, encoding=params.ingest.encoding, max_mb=params.ingest.max_file_mb)
    left, report = table, first
    reasons: dict[int, list[str]] = {}
    while not report.passed:
        found = _rows_by_check(report)
        rows = {int(left.index[row]) for row, _ in found}
        if not rows or len(rows) + len(reasons) > params.arrive.max_bad_row_share * len(table):
            return Judgement(report=first.shortened(), num_rows=len(table))
        for row, why in found:
            reasons.setdefault(int(left.index[row]), []).append(why)
        left = left.drop(index=list(rows))
        good, suffix = _write(left, path)
        trial = path.with_name(f"{path.name.partition('.')[0]}-part{suffix}")
        trial.write_bytes(good)
        report = validate_against(so_far, trial, workspace, params, named_share=params.arrive.max_bad_row_share)
    columns: dict[str, Any] = {
        "source_row": sorted(reasons),
        "broken_checks": [json.dumps(reasons[row]) for row in sorted(reasons)],
    }
    bad = table.loc[sorted(reasons)]
    bad = bad.assign(**{_free(name, bad): values for name, values in columns.items()})
    return Judgement(
        report=report.shortened(),
        num_rows=len(table),
        num_bad=len(bad),
        good=good,
        bad=_write(bad, path, is_for_people=True)[0],
        suffix=suffix,
        reason=f"{len(bad):,} of {len(table):,} rows broke critical checks; the rest was accepted",
    )


def _rows_by_check(report: ValidationReport) -> list[tuple[int, str]]:
    """Return (position, check) of the rows that the critical checks name; nothing if one names none."""
    if not all(check.examples for check in report.critical_failures):
        return []
    return [(example.row, check.name) for check in report.critical_failures for example in check.examples]


def _free(name: str, frame: pd.DataFrame) -> str:
    """Return the name, with underscores before it where the file has a column of that name."""
    while name in frame:
        name = f"_{name}"
    return name


def _write(frame: pd.DataFrame, path: Path, *, is_for_people: bool = False) -> tuple[bytes, str]:
    """Return rows as a file and its suffix: cells of CSV stay texts as they were written, others keep their types.

    A byte order mark says the encoding, and semicolons that the comma is the decimal sign, as in the file they are of.
    """
    if any(path.name.lower().partition(".")[2].startswith(kind) for kind in ("csv", "tsv")):
        shown = guarded(frame) if is_for_people else frame
        return to_csv(shown, delimiter=";" if has_decimal_commas(frame) else ",").encode("utf-8-sig"), ".csv"
    stream = io.BytesIO()
    frame.to_parquet(stream, index=False)
    return stream.getvalue(), ".parquet"
