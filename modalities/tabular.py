"""Tables: rows of numbers, categories, truth values and dates, under the names of the data's owner.

- `read` keeps every cell as text; `prepare` gives each column its kind (`thawline/rows/cells.py`), float64 for numbers,
  datetime64 for dates, str for the rest, and notes in the column `problems` what it could not read or doubts.
- Kinds are inferred from all rows of the data, unless `ingest.columns` names them. `settle` writes the inferred ones
  into the params that a model keeps, so that a single row is read in serving as it was among many.
- Two rows are exact duplicates if all cells are equal but for case and white space; near-duplicates if they are so
  once numbers are rounded to ROUNDED_DIGITS significant digits. Rows of tables are points, not copies of a document:
  a looser measure would join different customers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from modalities import Modality, Shown, majority, mean, nothing_beside
from modalities.tables import encoding, features, spark
from modalities.tables.comparing import (
    EXACT_DIGITS,
    ROUNDED_DIGITS,
    collapse,
    comparable,
    kind,
    normalise,
    not_content,
    note,
    slices_beside,
    texts_of,
)
from modalities.tables.occlusion import occlude
from modalities.tables.overview import overview
from modalities.tables.sizes import sizes
from targets import read_labels
from thawline.errors import ParamsError, UnreadableFileError, UsageError
from thawline.formats.tables import Chunk, read_chunks, read_table, require_column
from thawline.params import Params
from thawline.rows.cells import UNREADABLE, UNUSUAL, Notation, canonical_text, infer_kind, read_cells
from thawline.rows.columns import carried, constant, content_columns, outer_name
from thawline.rows.near_duplicates import number_by_appearance
from thawline.rows.row_hashes import hash_rows
from thawline.rows.split_columns import carried_for_split, refuse_taken

ROOMS = ("common", "tabular")
EXCERPT_LENGTH = 120
CHUNK_ROWS = 20_000
EXCERPT_COLUMNS = 40
NUM_NAMED = 5


def read(path: Path, params: Params) -> pd.DataFrame:
    """Read labelled rows: every column but the label and the dropped ones as text, `label`, `source`, `source_row`.

    Labels are stripped of white space around them, and a blank label is a missing one.

    Raises:
        ParamsError: `ingest.columns` or `ingest.drop_columns` names the label, or a column stands in both.
        UnreadableFileError: The file can't be read whole, or lacks a column that the params name.
    """
    columns = params.ingest
    _refuse_contradictions(params)
    table = read_table(path, encoding=columns.encoding, max_mb=columns.max_file_mb)
    label = require_column(table, columns.label_column, key="ingest.label_column", path=path)
    for name in columns.columns:
        require_column(table, name, key="ingest.columns", path=path)
    contents = table.drop(columns=not_content(params), errors="ignore")
    if contents.columns.empty:
        raise UnreadableFileError(f"{path} has no column beside the label {columns.label_column!r} to learn from")
    return pd.DataFrame(
        {
            **texts_of(contents, params),
            "label": read_labels(label, params, table),
            "source": constant(path.name, table.index),
            "source_row": np.arange(len(table), dtype=np.int64),
            **carried(table, slices_beside(params)),
            **carried_for_split(table, params, path),
        }
    )


def stream(path: Path, params: Params) -> Iterator[Chunk]:
    """Read a file of rows in chunks of CHUNK_ROWS."""
    ingest = params.ingest
    return read_chunks(path, num_rows=CHUNK_ROWS, encoding=ingest.encoding, max_mb=ingest.max_file_mb)


def missing(frame: pd.DataFrame) -> pd.Series:
    """Say of each row whether all of its cells are missing."""
    return frame[content_columns(frame)].isna().all(axis=1)


def canonical(frame: pd.DataFrame) -> pd.Series:
    """Return a hash of each row's cells as text, numbers written one way; '' where all are missing."""
    return hash_rows({name: frame[name] for name in content_columns(frame)}, canonical_text)


def normalised(frame: pd.DataFrame) -> pd.Series:
    """Return a hash of each prepared row without case and white space of texts; '' where all cells are missing."""
    return hash_rows(comparable(frame, EXACT_DIGITS), normalise)


def excerpt(frame: pd.DataFrame) -> pd.Series:
    """Return the first cells of each row as 'name=value' on one line."""
    names = content_columns(frame)[:EXCERPT_COLUMNS]
    shown = [_excerpt(names, cells) for cells in zip(*(frame[name] for name in names), strict=True)]
    return pd.Series(shown if names else [""] * len(frame), index=frame.index, dtype="str")


def show(frame: pd.DataFrame) -> list[Shown]:
    """Return all cells of each row as 'name=value', those that are missing left out."""
    names = content_columns(frame)
    rows = zip(*(frame[name].tolist() for name in names), strict=True)
    return [
        Shown(", ".join(_cell(name, cell) for name, cell in zip(names, row, strict=True) if pd.notna(cell)))
        for row in rows
    ]


def _cell(name: str, cell: Any) -> str:
    return f"{outer_name(name)}={cell:g}" if isinstance(cell, float) else f"{outer_name(name)}={cell}"


def prepare(frame: pd.DataFrame, params: Params) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give each column its kind and tidy its texts; note in `problems` which cells were not read plainly.

    Args:
        frame: Columns of texts; the line's own columns stay as they are.
        params: `ingest` says kinds and notation, `clean.collapse_whitespace` whether texts of categories are tidied.

    Returns:
        The frame, and for each rule how many rows it concerns.
    """
    notation = Notation(decimal=params.ingest.decimal, day_first=params.ingest.day_first)
    columns: dict[str, pd.Series] = {}
    noted: dict[int, list[str]] = {}
    changed = dict.fromkeys(("whitespace", *(note.replace(" ", "_") for note in (*UNREADABLE, *UNUSUAL))), 0)
    for name in content_columns(frame):
        texts = frame[name]
        if params.clean.collapse_whitespace:
            texts, num_changed = collapse(texts)
            changed["whitespace"] += num_changed
        kind = params.ingest.columns.get(outer_name(name)) or infer_kind(texts, notation)
        cells = read_cells(texts, kind, notation)
        columns[name] = cells.column
        note(name, cells, noted, changed)
    said = pd.Series("", index=frame.index, dtype="str").to_numpy(dtype=object, copy=True)
    for row, notes in noted.items():
        said[row] = "; ".join(notes)
    own = {str(name): frame[name] for name in frame.columns if name not in columns}
    return pd.DataFrame({**columns, **own, "problems": pd.Series(said, index=frame.index, dtype="str")}), changed


def groups(frame: pd.DataFrame, _params: Params) -> npt.NDArray[np.int64]:
    """Group prepared rows that are equal once numbers are rounded; a row without any value is alone."""
    hashes = hash_rows(comparable(frame, ROUNDED_DIGITS), normalise).to_numpy(dtype=object)
    codes, distinct = pd.factorize(hashes)
    alone = np.flatnonzero(hashes == "")
    codes[alone] = len(distinct) + np.arange(len(alone))
    return number_by_appearance(codes)


def measures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the columns themselves: what drift and slices look at."""
    return frame[content_columns(frame)]


def problems(frame: pd.DataFrame) -> pd.Series:
    """Return the notes on each prepared row's cells that were not read plainly; 'no value' where there is none."""
    return frame["problems"].where((frame["problems"] != "") | ~missing(frame), "no value")


def settle(frame: pd.DataFrame, params: Params) -> Params:
    """Return params that name the kind of every column of the prepared rows a model learned from."""
    kinds = {outer_name(name): kind(frame[name]) for name in content_columns(frame)}
    ingest = params.ingest.model_copy(update={"columns": kinds | params.ingest.columns})
    return params.model_copy(update={"ingest": ingest})


def to_input(frame: pd.DataFrame, _params: Params) -> pd.DataFrame:
    """Return the columns of prepared rows under the names that the data's owner uses."""
    return frame[content_columns(frame)].rename(columns=outer_name)


def to_rows(given: Any, params: Params) -> pd.DataFrame:
    """Return the columns of a frame, or of a list of dictionaries, as text, in the order of `ingest.columns`.

    Columns that a model does not know are left out.

    Raises:
        UsageError: This is no table, or it lacks a column that `ingest.columns` names.
    """
    if isinstance(given, list) and all(isinstance(record, dict) for record in given):
        table = pd.DataFrame.from_records(given)
    elif isinstance(given, pd.DataFrame):
        table = given
    else:
        raise UsageError(f"{type(given).__name__} is no table; give a frame, or a list of dictionaries")
    known = params.ingest.columns
    lacking = [name for name in known if name not in table.columns]
    if lacking:
        named = ", ".join(map(repr, lacking[:NUM_NAMED])) + (", ..." if len(lacking) > NUM_NAMED else "")
        has = ", ".join(repr(str(name)) for name in table.columns[:20])
        raise UsageError(f"{len(lacking)} columns are not there: {named}; there are {has}; give all the model knows")
    if not known:
        return pd.DataFrame(texts_of(table.drop(columns=not_content(params), errors="ignore"), params))
    return pd.DataFrame(texts_of(table[list(known)], params))


MODALITY = Modality(
    name="tabular",
    read=read,
    beside=nothing_beside,
    stream=stream,
    missing=missing,
    canonical=canonical,
    normalised=normalised,
    excerpt=excerpt,
    show=show,
    occlude=occlude,
    prepare=prepare,
    near_duplicate_groups=groups,
    measures=measures,
    problems=problems,
    unanswerable=missing,
    overview=overview,
    settle=settle,
    to_input=to_input,
    to_rows=to_rows,
    load_encoder=encoding.load_encoder,
    fits_encoder=encoding.fits_encoder,
    encode=encoding.encode,
    augment=encoding.augment,
    augments=encoding.AUGMENTS,
    defaults=encoding.DEFAULTS,
    default_encoder=encoding.ENCODER,
    baselines={
        "majority": majority,
        "logistic_regression": features.logistic_regression,
        "gradient_boosting": features.gradient_boosting,
    },
    number_baselines={
        "mean": mean,
        "ridge_regression": features.ridge_regression,
        "gradient_boosting": features.boosted_regression,
    },
    baseline_input=features.to_features,
    content={},
    libraries=("lightgbm", "rtdl-num-embeddings", "rtdl-revisiting-models"),
    rooms=ROOMS,
    standardised=features.standardised,
    spark_frame=spark.spark_frame,
    sizes=sizes,
)


def _refuse_contradictions(params: Params) -> None:
    columns = params.ingest
    for key, names in (("columns", list(columns.columns)), ("drop_columns", list(columns.drop_columns))):
        if columns.label_column in names:
            raise ParamsError(
                f"ingest.{key} names {columns.label_column!r}, which is ingest.label_column; take it out of one of them"
            )
    refuse_taken(params, dict.fromkeys(columns.columns, "ingest.columns"))
    both = [name for name in columns.columns if name in columns.drop_columns]
    if both:
        raise ParamsError(f"{both[0]!r} stands in ingest.columns and in ingest.drop_columns; take it out of one")


def _excerpt(names: list[str], cells: tuple[Any, ...]) -> str:
    line = ""
    for name, cell in zip(names, cells, strict=True):
        if pd.isna(cell):
            continue
        shown = f"{cell:g}" if isinstance(cell, float) else " ".join(str(cell)[: 2 * EXCERPT_LENGTH].split())
        line += f"{', ' if line else ''}{outer_name(name)}={shown}"
        if len(line) > EXCERPT_LENGTH:
            return line[: EXCERPT_LENGTH - 1] + "…"
    return line
