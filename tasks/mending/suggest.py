"""Rows without a label that are most worth one: read, told apart from what is known, and written to be labelled."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modalities import Modality, Shown, get_modality
from tasks.checking.encode_rows import embed
from tasks.ingest import raw_files, read_files
from tasks.judging.prediction import load_model
from tasks.mending.labelling_files import labelling_task, write_files
from tasks.reports.evaluation_report import picture
from tasks.tracking.runs import Tracking
from thawline.errors import UsageError
from thawline.formats.spreadsheets import guarded, to_csv
from thawline.formats.tables import is_table
from thawline.mending.suggestions import choose_rows
from thawline.mending.worth import margins
from thawline.params import Params
from thawline.rows.novelty import sample_positions
from thawline.system.console import console
from thawline.workspace import Workspace

MAX_POOL = 20_000
"""Of more rows so many are looked at, drawn by their contents: each has to go through the encoder."""
MAX_KNOWN = 20_000
"""So many rows with a label at most say where there is no need of more, where no model does."""
PATH = "path"
"""Column of what is repeated of a source that is pictures."""


@dataclass(frozen=True)
class Suggestions:
    """The rows suggested, the worthiest first, and what became of the others.

    Args:
        rows: The columns of their source.
        excerpts: Each row in a line.
        shown: Each row as a person looks at it.
        guesses: `guess`, `probability` and `margin` (to the next class) of each by the champion; None without one.
        version: Of the champion, '' without one.
        num_pool: Rows of the source.
        num_known: Of them, those that are labelled already, or nearly like one that is, or like an earlier one.
        num_unreadable: Of them, those that there is nothing to label of.
        num_looked_at: Rows that were chosen from.
    """

    rows: pd.DataFrame
    excerpts: Sequence[str]
    shown: Sequence[Shown]
    guesses: pd.DataFrame | None
    version: str
    num_pool: int
    num_known: int
    num_unreadable: int
    num_looked_at: int


def suggest_rows(workspace: Workspace, params: Params, tracking: Tracking, source: Path, *, num: int) -> Suggestions:
    """Return the rows of a source that are most worth a label.

    Args:
        workspace: Its rows with labels, if there are any, are not suggested again.
        params: How rows are read, and by which encoder they become vectors.
        tracking: Where the champion is; without one rows are chosen that lie apart.
        source: Rows as `thawline predict` takes them.
        num: At most so many.

    Raises:
        UsageError: No row of the source is new.
        UnreadableFileError: The source can't be read.
    """
    modality = get_modality(params.modality)
    kept, pool = _read(source, params, modality)
    known = _labelled(workspace, params, modality)
    num_pool = len(pool)
    readable = np.flatnonzero(~modality.unanswerable(pool).to_numpy(dtype=bool))
    fresh = readable[_is_new(pool.iloc[readable], known, params, modality)]
    looked_at = fresh[sample_positions(modality.normalised(pool.iloc[fresh]), MAX_POOL)]
    if not len(looked_at):
        raise UsageError(
            f"{source} has no row to suggest: of {num_pool:,} {num_pool - len(readable):,} can't be read, and the "
            "others have a label already or nearly do; give rows that are new"
        )
    rows = pool.iloc[looked_at]
    told = _told(tracking, params, rows)
    reference = known.sample(min(len(known), MAX_KNOWN), random_state=params.seed) if told is None else known[:0]
    vectors = embed(_together(reference, rows), params, workspace)
    chosen = choose_rows(
        vectors[len(reference) :],
        vectors[: len(reference)],
        num=num,
        seed=params.seed,
        probabilities=None if told is None else told.probabilities,
    )
    found = rows.iloc[chosen]
    return Suggestions(
        rows=kept.iloc[looked_at[chosen]].reset_index(drop=True),
        excerpts=modality.excerpt(found).tolist(),
        shown=modality.show(found),
        guesses=None if told is None else told.of(chosen),
        version="" if told is None else told.version,
        num_pool=num_pool,
        num_known=len(readable) - len(fresh),
        num_unreadable=num_pool - len(readable),
        num_looked_at=len(looked_at),
    )


def write_suggestions(workspace: Workspace, params: Params, suggestions: Suggestions) -> dict[str, Path]:
    """Write reports/suggestions/to_label.csv, guesses.csv and tasks.json (Label Studio); return them by kind.

    to_label.csv has the source's columns, and an empty one for the label: filled in, it arrives as any file does.

    Raises:
        StorageError: No permission or no space.
    """
    rows = suggestions.rows
    to_label = rows.assign(**{params.ingest.label_column: ""})
    guesses = rows if suggestions.guesses is None else rows.join(suggestions.guesses, rsuffix="_")
    contents = {
        "to_label": ("to_label.csv", to_csv(to_label)),
        "guesses": ("guesses.csv", to_csv(guarded(guesses))),
        "tasks": ("tasks.json", json.dumps(_tasks(suggestions), ensure_ascii=False, indent=1)),
    }
    return write_files(workspace.reports / "suggestions", contents)


@dataclass(frozen=True)
class _Told:
    """What the champion makes of rows: probabilities (N, C), the classes, and its version."""

    probabilities: NDArray[np.float64]
    classes: Sequence[str]
    version: str

    def of(self, rows: NDArray[np.int64]) -> pd.DataFrame:
        probabilities = self.probabilities[rows]
        return pd.DataFrame(
            {
                "guess": np.array(self.classes, dtype=object)[probabilities.argmax(axis=1)],
                "probability": probabilities.max(axis=1).round(4),
                "margin": margins(probabilities).round(4),
            }
        )


def _told(tracking: Tracking, params: Params, rows: pd.DataFrame) -> _Told | None:
    try:
        model, version = load_model(tracking, params.name, "champion")
    except UsageError:
        console.print(f"{params.name} has no champion yet: rows are suggested that lie apart", markup=False)
        return None
    predictor = model.unwrap_python_model().predictor
    return _Told(predictor.prepared_probabilities(rows), predictor.classes, version)


def _read(source: Path, params: Params, modality: Modality) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the columns of a source, and its rows prepared, both in its order.

    Of pictures the column is named as in a manifest, so that what is written of it arrives as one.
    """
    kept, prepared = [], []
    names = {} if is_table(source) else {PATH: params.ingest.image_column}
    for chunk in modality.stream(source, params):
        rows, _ = modality.prepare(modality.to_rows(chunk.given, params), params)
        kept.append(chunk.kept.rename(columns=names))
        if chunk.problems is not None:  # pictures: what is given of one knows no path of its own
            rows = rows.assign(**{PATH: kept[-1][params.ingest.image_column].to_numpy()})
        prepared.append(rows)
    if not prepared:
        raise UsageError(f"{source} has no rows; give rows without a label")
    return pd.concat(kept, ignore_index=True), pd.concat(prepared, ignore_index=True)


def _labelled(workspace: Workspace, params: Params, modality: Modality) -> pd.DataFrame:
    """Return all rows that have a label, prepared: those of every accepted file, learned from already or not."""
    initial = params.arrive.initial
    first = [workspace.root / initial] if initial is not None and (workspace.root / initial).exists() else []
    files = raw_files(workspace) or first
    if not files:
        return pd.DataFrame()
    rows, _ = modality.prepare(read_files(files, params, modality), params)
    return rows


def _is_new(pool: pd.DataFrame, known: pd.DataFrame, params: Params, modality: Modality) -> NDArray[np.bool_]:
    """Say which rows are nearly like none that has a label, and like none before them."""
    both = _together(known, pool)
    groups = modality.near_duplicate_groups(both, params)
    _, first = np.unique(groups, return_index=True)
    is_first = np.zeros(len(both), dtype=bool)
    is_first[first] = True
    return is_first[len(known) :]


def _together(known: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Return both, one below the other, with the columns that both have."""
    return pd.concat([known, rows], join="inner", ignore_index=True) if len(known) else rows.reset_index(drop=True)


def _tasks(suggestions: Suggestions) -> list[dict[str, Any]]:
    """Return the rows as tasks of Label Studio, the champion's guess as its prediction."""
    guesses = [("", None)] * len(suggestions.rows)
    if suggestions.guesses is not None:
        guesses = list(zip(suggestions.guesses["guess"], suggestions.guesses["probability"], strict=True))
    tasks = []
    for shown, (guess, score) in zip(suggestions.shown, guesses, strict=True):
        drawn = picture(shown.image)
        content = {"text": shown.text, **({} if drawn is None else {"image": drawn})}
        tasks.append(labelling_task(content, guess=guess, score=score, version=suggestions.version))
    return tasks
