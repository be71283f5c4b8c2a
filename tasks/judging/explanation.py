"""Why this answer: what becomes of it when parts of the row are hidden, one at a time.

That is a measurement of the model on rows that it has not seen, not a cause: parts that say the same stand in for each
other, and a row with a hole may be like no row that was learned from (Zeiler and Fergus 2014, section 4.2, for images).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from modalities import get_modality
from modalities.predictor import NO_ANSWER, Predictor
from tasks.judging.prediction import load_model
from tasks.tracking.runs import Tracking
from thawline.errors import UsageError
from thawline.formats.frames import read_frame
from thawline.formats.tables import Chunk
from thawline.params import Params
from thawline.scores.calibration import SMALLEST
from thawline.workspace import Workspace

NUM_OTHERS = 64
"""Training rows at most that are handed to what hides parts."""


@dataclass(frozen=True)
class Part:
    """A part of the row: by how much it moves the output, the output without it, and what is answered then.

    `change` is of log-odds where the output is a class's probability, else of the number itself; above 0 where the part
    speaks for the class, or makes the number larger.
    """

    name: str
    change: float
    output: float
    answer: str


@dataclass(frozen=True)
class Explanation:
    """What a row was answered, and its parts in their order.

    `about` is the class whose probability `output` is, '' where `output` is the number that is estimated. `picture` is
    a PNG of the parts, of an image. `no_answer` says why the model would rather say nothing.
    """

    row: int
    excerpt: str
    answer: str
    about: str
    output: float
    parts: list[Part]
    no_answer: str = ""
    picture: bytes | None = None

    def strongest(self, num: int) -> list[Part]:
        """Return the parts that move the output most."""
        return sorted(self.parts, key=lambda part: -abs(part.change))[:num]


def explain_source(
    workspace: Workspace, tracking: Tracking, params: Params, source: Path, *, row: int, about: str, alias: str
) -> tuple[Explanation, str]:
    """Explain what a registered version answers to row `row` of a file, counted from 0; returns its version, too.

    Raises:
        UsageError: No version holds the alias, it does not take these columns, there is no such row or class, or
            nothing in the row to answer on.
        UnreadableFileError: `source` can't be read.
    """
    model, version = load_model(tracking, params.name, alias)
    predictor: Predictor = model.unwrap_python_model().predictor
    given = find_row(get_modality(params.modality).stream(source, predictor.params), row, source.name)
    others = pd.DataFrame()
    if workspace.train_rows.exists():
        train = read_frame(workspace.train_rows)
        others = train.sample(min(NUM_OTHERS, len(train)), random_state=0)
    return explain_row(predictor, given, others, row=row, about=about), version


def find_row(chunks: Iterable[Chunk], row: int, name: str) -> pd.DataFrame:
    """Return the one row of that number, as a model takes it.

    Raises:
        UsageError: There are fewer.
    """
    num_seen = 0
    for chunk in chunks:
        if row < num_seen + len(chunk.given):
            return chunk.given.iloc[[row - num_seen]].reset_index(drop=True)
        num_seen += len(chunk.given)
    raise UsageError(f"{name} has no row {row}: it has {num_seen:,}, and they are counted from 0; give --row another")


def explain_row(
    predictor: Predictor, given: Any, others: pd.DataFrame, *, row: int = 0, about: str = ""
) -> Explanation:
    """Explain what a model answers to a single raw row; it is asked once, of the row and all that hide parts of it.

    Args:
        predictor: The model.
        given: One row, as `Modality.to_rows` takes it.
        others: Prepared rows of its kind.
        row: What the row is called.
        about: The class whose probability is watched, '' for the one that is answered.

    Raises:
        UsageError: There is no such class, or nothing in the row to answer on.
    """
    modality = get_modality(predictor.params.modality)
    prepared = predictor.prepare(given)
    if modality.unanswerable(prepared).iloc[0]:
        raise UsageError(f"row {row} has nothing to answer on ({modality.problems(prepared).iloc[0]}); give another")
    hidden = modality.occlude(prepared, others)
    outputs = predictor.prepared_probabilities(pd.concat([prepared, hidden.rows], ignore_index=True))
    without = np.stack([outputs[1:][hidden.part_of == part].mean(axis=0) for part in range(len(hidden.parts))])
    answer, *answers = _named(predictor, np.vstack([outputs[:1], without]))
    watched, column = _watch(predictor, about, answer, outputs[0])
    scale = _log_odds if watched else np.asarray
    changes = scale(outputs[0, column]) - scale(without[:, column])
    largest = max(np.abs(changes).max(), SMALLEST)
    said = predictor.present(outputs[:1])
    return Explanation(
        row=row,
        excerpt=str(modality.excerpt(prepared).iloc[0]),
        answer=answer,
        about=watched,
        output=float(outputs[0, column]),
        parts=[
            Part(*each)
            for each in zip(hidden.parts, changes.tolist(), without[:, column].tolist(), answers, strict=True)
        ],
        no_answer=str(said[NO_ANSWER].iloc[0]) if NO_ANSWER in said else "",
        picture=None if hidden.draw is None else hidden.draw(changes / largest),
    )


def _named(predictor: Predictor, outputs: NDArray[np.float64]) -> list[str]:
    """Return what is answered, as a person reads it."""
    told = predictor.target.present(outputs, predictor.answers(outputs), predictor.classes, predictor.interval)
    return [f"{answer:.4g}" if isinstance(answer, float) else str(answer) for answer in next(iter(told.values()))]


def _watch(predictor: Predictor, about: str, answer: str, output: NDArray[np.float64]) -> tuple[str, int]:
    """Return the class whose probability is watched and its number; ('', 0) where a number is estimated.

    Unless one is asked for, it is that of the answer, and of several labels a row the most probable one.
    """
    if not (predictor.target.has_classes or predictor.target.independent):
        return "", 0
    about = about or (answer if predictor.target.has_classes else predictor.classes[int(output.argmax())])
    if about not in predictor.classes:
        raise UsageError(f"the model has no class {about!r}; give --class one of {', '.join(predictor.classes[:20])}")
    return about, predictor.classes.index(about)


def _log_odds(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    odds: NDArray[np.float64] = logit(np.clip(probabilities, SMALLEST, 1 - SMALLEST))
    return odds
