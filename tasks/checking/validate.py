"""Validation: data in the workspace, or a file as if it arrived, against the suites of its modality.

Raw rows are checked as stage `clean` will see them: content is prepared first, so that two mails which differ only
in their HTML count as the same content here too.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from expectations.report import LeftOut, ValidationReport
from modalities import Modality, get_modality
from targets import target_of
from tasks.checking.places import Place, tracks_version, write_down
from tasks.checking.rows_so_far import RowsSoFar, read_so_far
from tasks.checking.sampled_vectors import look_at_arrival, look_at_rows, without_vectors
from tasks.ingest import raw_files, read_raw
from thawline.errors import DataRefusedError, UsageError
from thawline.formats.frames import read_frame
from thawline.params import Params
from thawline.rows.known_rows import find_known
from thawline.workspace import Workspace

SuiteName = Literal["raw", "processed", "arrival"]


def validate_raw(workspace: Workspace, params: Params) -> ValidationReport:
    """Check all accepted files together; write validation_raw.json, .html, history and Data Docs into reports/.

    Raises:
        DataError: There is no file, or one can't be read.
    """
    modality = get_modality(params.modality)
    title = f"{params.name}: data/raw"
    place = Place(workspace, tracks_version(workspace), workspace.reports)
    if params.validation.engine == "spark":
        return validate_with_spark(raw_files(workspace), params, title=title, place=place)
    frame = read_raw(workspace, params, modality)
    return _validate_raw(frame, params, modality, title=title, place=place)


def validate_mended(frame: pd.DataFrame, workspace: Workspace, params: Params) -> ValidationReport:
    """Check raw rows whose labels are to be changed, but for the checks on vectors: they see no labels.

    Nothing is written down: these are no rows of the workspace yet.
    """
    modality = get_modality(params.modality)
    prepared = _prepare(frame, params, modality)
    prepared["normalised"] = modality.normalised(prepared)
    limits, columns = without_vectors(params), prepared.columns
    suite = _suite("raw", limits, modality, columns=columns, place=Place(workspace))
    return _check(prepared, suite, modality, params, title=f"{params.name}: data/raw with the answers", place=Place())


def validate_processed(workspace: Workspace, params: Params, data_version: str) -> ValidationReport:
    """Check train and test; write validation_processed.json, .html, history and Data Docs into reports/.

    Raises:
        DataRefusedError: Stage `split` has not made them yet.
    """
    frame = read_processed(workspace)
    modality = get_modality(params.modality)
    frame["normalised"] = modality.normalised(frame)
    place = Place(workspace, data_version, workspace.reports)
    suite = _suite("processed", params, modality, columns=frame.columns, place=place)
    return _check(frame, suite, modality, params, title=f"{params.name}: train and test", place=place)


def validate_file(
    path: Path,
    params: Params,
    *,
    reports: Path | None = None,
    workspace: Workspace | None = None,
    named_share: float = 0.0,
) -> ValidationReport:
    """Check a file by itself, as if it were the first to arrive.

    Args:
        path: The file.
        params: Limits and columns.
        reports: Directory for validation_raw.json and the pages; none are written without it.
        workspace: Its activation store serves the checks on vectors, which are left out without it; what is found is
            kept in its history.
        named_share: Share of the rows that checks name at least, if so many break them.

    Raises:
        DataError: The file can't be read.
    """
    modality = get_modality(params.modality)
    title, place = f"{params.name}: {path.name}", Place(workspace, path.name, reports)
    if params.validation.engine == "spark":
        return validate_with_spark([path], params, title=title, place=place)
    frame = modality.read(path, params)
    return _validate_raw(frame, params, modality, title=title, place=place, named_share=named_share)


def validate_arrival(
    path: Path, workspace: Workspace, params: Params, *, replacing: str | None = None, reports: Path | None = None
) -> ValidationReport:
    """Check a file against what is in data/raw: its rows alone, their drift, and which of them are there already.

    Args:
        path: The file; data/raw does not hold it yet.
        workspace: Whose data it is compared with.
        params: Limits and columns.
        replacing: Name of an accepted file whose place it takes: not one of the rows so far.
        reports: Directory for validation_arrival.json and the pages; none are written without it.

    Raises:
        DataError: A file can't be read.
    """
    others = [file for file in raw_files(workspace) if file.name != replacing]
    return validate_against(read_so_far(others, params), path, workspace, params, reports=reports)


def validate_against(
    so_far: RowsSoFar | None,
    path: Path,
    workspace: Workspace,
    params: Params,
    *,
    reports: Path | None = None,
    named_share: float = 0.0,
) -> ValidationReport:
    """Check a file against the rows so far; where there are none, and with Spark, by itself as `validate_file` does.

    Kinds of columns are those that the rows so far have, so that a small file is read as they were. Checks name at
    least a share of `named_share` of the rows, if so many break them.

    Raises:
        DataError: The file can't be read.
    """
    if so_far is None:
        return validate_file(path, params, reports=reports, workspace=workspace, named_share=named_share)
    modality, settled = get_modality(params.modality), so_far.settled
    frame = _prepare(so_far.read(path), settled, modality)
    frame["normalised"] = modality.normalised(frame)
    new = modality.measures(frame)
    vectors = look_at_arrival(frame, so_far.sample, settled, workspace)
    measured = {str(name): new[name] for name in new if name not in frame}
    known = find_known(frame, so_far.known)
    frame = frame.assign(**measured, **vectors.columns, **{str(name): known[name] for name in known})
    place = Place(workspace, path.name, reports)
    suite = _suite(
        "arrival",
        settled if vectors.columns else without_vectors(settled),
        modality,
        {**so_far.profile, **vectors.profile},
        columns=frame.columns,
        place=place,
    )
    title = f"{params.name}: arrival {path.name}"
    return _check(
        frame, suite, modality, params, title=title, place=place, left_out=vectors.left_out, named_share=named_share
    )


def validate_with_spark(paths: list[Path], params: Params, *, title: str, place: Place) -> ValidationReport:
    """Check files with Spark, which never brings their rows into this process; checks it can't run are named.

    Args:
        paths: Files, or directories of Parquet files.
        params: Limits and columns.
        title: What is validated, for the reader of the report.
        place: Where it is written down.

    Raises:
        DataError: There is no file, or one can't be read.
        UsageError: This kind of data is not checked by Spark, or pyspark or a Java runtime is missing.
    """
    modality = get_modality(params.modality)
    if modality.spark_frame is None:
        raise UsageError(
            f"validation.engine = 'spark' checks tables; {modality.name} data is prepared row by row with pandas: set "
            "validation.engine: pandas"
        )
    if not paths:
        raise DataRefusedError("data/raw holds no data; hand over a file with `thawline arrive FILE`")
    from expectations.validation import validate_spark

    with modality.spark_frame(paths, params) as frame:
        suite = _suite("raw", params, modality, columns=frame.columns, place=place)
        report, outcome = validate_spark(frame, suite, title=title)
    write_down(report, outcome, place, params)
    return report


def refuse_if_critical(report: ValidationReport) -> None:
    """Stop the line where a critical check failed.

    Raises:
        DataRefusedError: The message names each failed check, its value and limit, rows, and the remedy.
    """
    if report.passed:
        return
    lines = [f"{report.title} is refused ({len(report.critical_failures)} critical checks failed):"]
    lines += [f"- {check.explain()}" for check in report.critical_failures]
    raise DataRefusedError("\n".join(lines))


def read_processed(workspace: Workspace) -> pd.DataFrame:
    """Return train and test below each other, told apart by the column `split`; `fold` is -1 in test.

    Raises:
        DataRefusedError: Stage `split` has not made them yet.
    """
    for path in (workspace.train_rows, workspace.test_rows):
        if not path.is_file():
            raise DataRefusedError(f"{path} does not exist yet; run `dvc repro` or `thawline run` first")
    train = read_frame(workspace.train_rows).assign(split="train")
    test = read_frame(workspace.test_rows).assign(split="test", fold=-1)
    return pd.concat([train, test], ignore_index=True)


def _validate_raw(
    frame: pd.DataFrame, params: Params, modality: Modality, *, title: str, place: Place, named_share: float = 0.0
) -> ValidationReport:
    frame = _prepare(frame, params, modality)
    frame["normalised"] = modality.normalised(frame)
    vectors = look_at_rows(frame, params, place.workspace)
    frame = frame.assign(**vectors.columns)
    limits = params if vectors.columns else without_vectors(params)
    suite = _suite("raw", limits, modality, columns=frame.columns, place=place)
    return _check(
        frame, suite, modality, params, title=title, place=place, left_out=vectors.left_out, named_share=named_share
    )


def _suite(
    name: SuiteName,
    params: Params,
    modality: Modality,
    profile: Mapping[str, Any] | None = None,
    *,
    columns: Collection[str],
    place: Place,
) -> Any:
    from expectations.suites import build_suite

    rooms = (*modality.rooms, *target_of(params).rooms)
    suite = build_suite(name, params, content=modality.content, rooms=rooms, profile=profile)
    if params.validation.extra:
        from expectations.extra import with_extra

        suite = with_extra(suite, params, columns=columns, root=place.root)
    return suite


def _prepare(frame: pd.DataFrame, params: Params, modality: Modality) -> pd.DataFrame:
    """Return raw rows as stage `clean` will see them, with their groups of near-duplicates."""
    prepared, _ = modality.prepare(frame, params)
    carried = target_of(params).columns(prepared["label"])
    return prepared.assign(group=modality.near_duplicate_groups(prepared, params), **carried)


def _check(
    frame: pd.DataFrame,
    suite: Any,
    modality: Modality,
    params: Params,
    *,
    title: str,
    place: Place,
    left_out: tuple[LeftOut, ...] = (),
    named_share: float = 0.0,
) -> ValidationReport:
    from expectations.validation import validate

    target = target_of(params)
    report, outcome = validate(frame, suite, excerpt=modality.excerpt, title=title, named_share=named_share)
    counted = {} if target.has_classes else {"rows_per_class": dict(target.count(frame["label"]))}
    report = report.model_copy(update={"left_out": left_out, **counted})
    write_down(report, outcome, place, params)
    return report
