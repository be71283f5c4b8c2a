"""Cells made comparable: texts tidied, numbers rounded, so that rows which say the same are the same."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from thawline.formats.decimals import commas_to_points, has_decimal_commas
from thawline.params import Params
from thawline.rows.cells import Cells, Notation, as_texts, infer_kind
from thawline.rows.columns import content_columns, inner_name, outer_name
from thawline.rows.split_columns import split_columns

ROUNDED_DIGITS = 4
EXACT_DIGITS = 12
UNTIDY = r"^\s|\s$|\s\s|[\t\r\n]"


def not_content(params: Params) -> list[str]:
    """Return the columns of a file that are not content: the label, and those that are not to be learned from."""
    return [params.ingest.label_column, *_not_learned(params)]


def slices_beside(params: Params) -> list[str]:
    """Return the columns of slices that are carried beside the content, as they are not to be learned from."""
    beside = _not_learned(params)
    return [name for name in params.validation.slice_columns if name in beside]


def _not_learned(params: Params) -> list[str]:
    return [*params.ingest.drop_columns, *split_columns(params).values()]


def texts_of(table: pd.DataFrame, params: Params) -> dict[str, pd.Series]:
    """Return the columns as text under their names inside the line, numbers with the decimal sign of the params."""
    texts = {str(name): as_texts(table[name]) for name in table.columns}
    if has_decimal_commas(table) and params.ingest.decimal == ".":
        comma, kinds = Notation(decimal=","), params.ingest.columns
        for name, column in texts.items():
            if (kinds.get(name) or infer_kind(column, comma)) == "numeric":
                texts[name] = commas_to_points(column)
    return {inner_name(name): column for name, column in texts.items()}


def collapse(texts: pd.Series) -> tuple[pd.Series, int]:
    """Return texts with runs of white space as one space, and how many changed."""
    is_untidy = pc.match_substring_regex(pa.array(texts, from_pandas=True), UNTIDY).fill_null(False)
    if not pc.any(is_untidy).as_py():
        return texts, 0
    mask = is_untidy.to_numpy(zero_copy_only=False).astype(bool)
    return texts.mask(mask, texts[mask].map(lambda text: " ".join(text.split()))), int(mask.sum())


def note(name: str, cells: Cells, problems: dict[int, list[str]], changed: dict[str, int]) -> None:
    """Add the notes of a column to those of its rows and to the counts."""
    for row in cells.noted.tolist():
        said = cells.notes[cells.codes[row]]
        problems.setdefault(row, []).append(f"{outer_name(name)}: {said}")
        changed[said.replace(" ", "_")] += 1


def comparable(frame: pd.DataFrame, digits: int) -> dict[str, pd.Series]:
    """Return prepared columns as text or as numbers of so many significant digits; dates count in seconds."""
    columns = {}
    for name in content_columns(frame):
        values = frame[name]
        if pd.api.types.is_datetime64_any_dtype(values):
            seconds = values.astype("datetime64[s]").astype("int64").astype(np.float64)
            columns[name] = seconds.where(values.notna())
        elif pd.api.types.is_numeric_dtype(values):
            columns[name] = pd.Series(_rounded(values.to_numpy(np.float64), digits), index=values.index)
        else:
            columns[name] = values
    return columns


def _rounded(values: npt.NDArray[np.float64], digits: int) -> npt.NDArray[np.float64]:
    size = np.abs(values)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        power = digits - 1 - np.floor(np.log10(np.where(size > 0, size, 1.0)))
        scale = 10.0 ** np.clip(power, -300, 300)
        return np.where(np.isfinite(values * scale), np.round(values * scale) / scale, values)


def kind(values: pd.Series) -> str:
    """Return the kind of a prepared column, as `ingest.columns` calls it."""
    if pd.api.types.is_datetime64_any_dtype(values):
        return "date"
    if pd.api.types.is_numeric_dtype(values):
        return "numeric"
    return "boolean" if set(values.dropna().unique()) == {"true", "false"} else "categorical"


def normalise(text: str) -> str:
    """Return a text case-folded, runs of white space as one space."""
    return " ".join(text.casefold().split())
