"""The accepted rows as an arrival is compared with them: each file is read and prepared once for many arrivals.

Of a row only what the checks look at is kept: label, place, normalised content and measures; content itself only of
the rows that are embedded. So a sweep over many files costs about as much a file as one over few.

What is inferred from all rows together, the kinds of a table's columns, is inferred again when a column is new and
whenever the rows have doubled: all files are then read anew, which costs at most as much again as reading each once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from modalities import get_modality
from targets import target_of
from tasks.ingest import mend, raw_files, read_files
from thawline.params import Params
from thawline.rows.columns import content_columns
from thawline.rows.drift import profile
from thawline.rows.novelty import sample_positions
from thawline.workspace import Workspace


@dataclass(frozen=True)
class RowsSoFar:
    """Accepted rows, in the order of `files`.

    Args:
        files: Where they come from.
        params: As the owner wrote them.
        settled: The same with nothing left to be inferred, as it was inferred from the first `num_settled` rows.
        columns: Content columns that any row has.
        known: Columns `normalised`, `label`, `source` and `source_row` of each row.
        measures: Of each row (`Modality.measures`).
        sample: Prepared rows with `normalised` contents, those that are embedded.
    """

    files: tuple[Path, ...]
    params: Params
    settled: Params
    num_settled: int
    columns: frozenset[str]
    known: pd.DataFrame
    measures: pd.DataFrame
    sample: pd.DataFrame

    @cached_property
    def profile(self) -> dict[str, Any]:
        """What they are like: what drift is told from."""
        columns = sorted(self.columns.union(map(str, self.measures.columns)))
        labels = self.known["label"]
        return profile(self.measures, labels) | {"columns": columns} | target_of(self.params).profile(labels)

    def read(self, path: Path) -> pd.DataFrame:
        """Read a file as these rows were, with what people have said about its contents.

        A column that it lacks is asked for only if the owner named it.

        Raises:
            DataError: It can't be read.
        """
        modality, kinds = get_modality(self.params.modality), self.settled.ingest.columns
        named = self.params.ingest.columns
        raw = self.files[0].parent
        if kinds == named:
            return mend(modality.read(path, self.settled), raw, modality)
        first = next(modality.stream(path, self.params), None)
        there = {name: kind for name, kind in kinds.items() if name in named or first is None or name in first.given}
        return mend(modality.read(path, self.settled.with_values("ingest", columns=there)), raw, modality)


class Reference:
    """The rows so far for the time of a sweep: read when the first file is to be checked, and kept up to date."""

    def __init__(self, workspace: Workspace, params: Params) -> None:
        self._workspace, self._params = workspace, params
        self._rows: RowsSoFar | None = None

    def rows(self) -> RowsSoFar | None:
        """Return them; None where there are none, or where Spark looks at files instead.

        Raises:
            DataError: An accepted file can't be read.
        """
        if self._rows is None:
            self._rows = read_so_far(raw_files(self._workspace), self._params)
        return self._rows

    def add(self, path: Path) -> None:
        """Take note of a file that has been accepted."""
        if self._rows is not None:
            self._rows = extend(self._rows, path)


def read_so_far(files: Sequence[Path], params: Params) -> RowsSoFar | None:
    """Read some accepted files; None if there are none, or where Spark looks at files instead.

    Raises:
        DataError: One can't be read.
    """
    if not files or params.validation.engine == "spark":
        return None
    modality = get_modality(params.modality)
    raw = mend(read_files(files, params, modality), files[0].parent, modality)
    prepared, _ = modality.prepare(raw, params)
    return _keep(prepared, files=tuple(files), params=params, settled=modality.settle(prepared, params))


def extend(so_far: RowsSoFar, path: Path) -> RowsSoFar:
    """Return the rows so far with those of one file more.

    Raises:
        DataError: It can't be read.
    """
    modality = get_modality(so_far.params.modality)
    piece = so_far.read(path)
    files = (*so_far.files, path)
    num_rows = len(so_far.known) + len(piece)
    if num_rows >= 2 * so_far.num_settled or not so_far.columns.issuperset(content_columns(piece)):
        return read_so_far(files, so_far.params) or so_far
    prepared, _ = modality.prepare(piece, so_far.settled)
    new = _keep(prepared, files=files, params=so_far.params, settled=so_far.settled)
    sample = pd.concat([so_far.sample, new.sample], ignore_index=True)
    return replace(
        so_far,
        files=files,
        known=pd.concat([so_far.known, new.known], ignore_index=True),
        measures=pd.concat([so_far.measures, new.measures], ignore_index=True),
        sample=_draw(sample, so_far.params),
    )


def _keep(prepared: pd.DataFrame, *, files: tuple[Path, ...], params: Params, settled: Params) -> RowsSoFar:
    modality = get_modality(params.modality)
    rows = prepared.assign(normalised=modality.normalised(prepared))
    return RowsSoFar(
        files=files,
        params=params,
        settled=settled,
        num_settled=len(rows),
        columns=frozenset(content_columns(prepared)),
        known=rows[["normalised", "label", "source", "source_row"]],
        measures=modality.measures(prepared),
        sample=_draw(rows, params),
    )


def _draw(rows: pd.DataFrame, params: Params) -> pd.DataFrame:
    return rows.iloc[sample_positions(rows["normalised"], params.validation.embedding_rows)].reset_index(drop=True)
