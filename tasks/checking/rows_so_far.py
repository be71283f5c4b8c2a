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
from tasks.ingest import mend, read_corrections, read_files
from thawline.mending.corrections import Settled, settle
from thawline.params import Params
from thawline.rows.columns import content_columns
from thawline.rows.drift import profile
from thawline.rows.novelty import sample_positions


@dataclass(frozen=True)
class RowsSoFar:
    """Accepted rows, in the order of `names`.

    Args:
        raw: Where the files lie that they come from.
        names: What these are called.
        params: As the owner wrote them.
        settled: The same with nothing left to be inferred, as it was inferred from the first `num_settled` rows.
        corrected: What people have said about labels.
        columns: Content columns that any row has.
        known: Columns `normalised`, `label`, `source` and `source_row` of each row.
        measures: Of each row (`Modality.measures`).
        sample: Prepared rows with `normalised` contents, those that are embedded.
    """

    raw: Path
    names: tuple[str, ...]
    params: Params
    settled: Params
    num_settled: int
    corrected: Settled
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
        if kinds == named:
            return mend(modality.read(path, self.settled), self.corrected, modality)
        first = next(modality.stream(path, self.params), None)
        there = {name: kind for name, kind in kinds.items() if name in named or first is None or name in first.given}
        return mend(modality.read(path, self.settled.with_values("ingest", columns=there)), self.corrected, modality)


def read_so_far(files: Sequence[Path], params: Params) -> RowsSoFar | None:
    """Read some accepted files; None if there are none, or where Spark looks at files instead.

    Raises:
        DataError: One can't be read.
    """
    if not files or params.validation.engine == "spark":
        return None
    modality = get_modality(params.modality)
    corrected = settle(read_corrections(files[0].parent))
    prepared, _ = modality.prepare(mend(read_files(files, params, modality), corrected, modality), params)
    settled = modality.settle(prepared, params)
    return _keep(prepared, files, params, settled=settled, corrected=corrected)


def extend(so_far: RowsSoFar, path: Path) -> RowsSoFar:
    """Return the rows so far with those of one file more.

    Raises:
        DataError: It can't be read.
    """
    modality = get_modality(so_far.params.modality)
    piece = so_far.read(path)
    names = (*so_far.names, path.name)
    num_rows = len(so_far.known) + len(piece)
    if num_rows >= 2 * so_far.num_settled or not so_far.columns.issuperset(content_columns(piece)):
        return read_so_far([so_far.raw / name for name in names], so_far.params) or so_far
    prepared, _ = modality.prepare(piece, so_far.settled)
    new = _keep(prepared, [path], so_far.params, settled=so_far.settled, corrected=so_far.corrected)
    sample = pd.concat([so_far.sample, new.sample], ignore_index=True)
    return replace(
        so_far,
        names=names,
        known=pd.concat([so_far.known, new.known], ignore_index=True),
        measures=pd.concat([so_far.measures, new.measures], ignore_index=True),
        sample=_draw(sample, so_far.params),
    )


def _keep(
    prepared: pd.DataFrame, files: Sequence[Path], params: Params, *, settled: Params, corrected: Settled
) -> RowsSoFar:
    modality = get_modality(params.modality)
    rows = prepared.assign(normalised=modality.normalised(prepared))
    return RowsSoFar(
        raw=files[0].parent,
        names=tuple(path.name for path in files),
        params=params,
        settled=settled,
        num_settled=len(rows),
        corrected=corrected,
        columns=frozenset(content_columns(prepared)),
        known=rows[["normalised", "label", "source", "source_row"]],
        measures=modality.measures(prepared),
        sample=_draw(rows, params),
    )


def _draw(rows: pd.DataFrame, params: Params) -> pd.DataFrame:
    return rows.iloc[sample_positions(rows["normalised"], params.validation.embedding_rows)].reset_index(drop=True)
