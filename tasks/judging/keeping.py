"""What is kept of answers in production, for `thawline watch`: answer, confidence, measures and vector of some rows."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modalities import get_modality
from modalities.fitted import Vectors
from modalities.predictor import Predictor
from targets.classes import PROBABILITY
from thawline.errors import StorageError, WorkspaceBusyError
from thawline.params import Params
from thawline.scores.abstention import confidence_of
from thawline.watching.kept import (
    ANSWER,
    CONFIDENCE,
    INPUT,
    MEASURE,
    VECTOR,
    VERSION,
    Draw,
    keep_rows,
    now_utc,
    room_left,
)
from thawline.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Watched:
    """A predictor of whose answers some are kept; it answers as that does.

    Args:
        predictor: Who answers.
        version: Of the model.
        draw: Which rows are kept.
        keeps_inputs: The inputs, too.
    """

    predictor: Predictor
    version: str
    draw: Draw
    keeps_inputs: bool

    @property
    def params(self) -> Params:
        """What the predictor answers by."""
        return self.predictor.params

    def prepare(self, given: Any) -> pd.DataFrame:
        """Return raw rows as the model takes them."""
        return self.predictor.prepare(given)

    def predict_prepared(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Return what the model answers to prepared rows, and take some of them."""
        chosen = self.draw.choose(len(rows))
        if chosen.empty:
            return self.predictor.predict_prepared(rows)
        vectors: list[Vectors] = []
        answer = self.predictor.predict_prepared(rows, vectors)
        modality = get_modality(self.params.modality)
        is_lost = modality.unanswerable(rows).to_numpy(dtype=bool)
        chosen = chosen[~is_lost[chosen.index]]
        if len(chosen):
            places = chosen.index.to_numpy(np.int64)
            taken = observed(self.predictor, rows, answer, vectors, places).assign(**{VERSION: self.version})
            if self.keeps_inputs:
                given = modality.to_input(rows.iloc[places], self.params).reset_index(drop=True)
                taken = taken.join(given.add_prefix(INPUT))
            self.draw.add(chosen, taken)
        return answer


def observed(
    predictor: Predictor,
    rows: pd.DataFrame,
    answer: pd.DataFrame,
    vectors: list[Vectors],
    places: NDArray[np.int64],
) -> pd.DataFrame:
    """Return what is kept of answered rows, in the order of `places`: the columns of `thawline.watching.kept`.

    Args:
        predictor: Who has answered.
        rows: Prepared rows (N).
        answer: What `predict_prepared` has returned for them.
        vectors: One array (N, D) where the model has an encoder, none elsewhere.
        places: Of the rows that are kept.
    """
    some = answer.iloc[places].reset_index(drop=True)
    measures = get_modality(predictor.params.modality).measures(rows.iloc[places]).reset_index(drop=True)
    kept = pd.DataFrame({ANSWER: some.iloc[:, 0]})
    if predictor.target.has_classes:
        probabilities = some[[f"{PROBABILITY}{name}" for name in predictor.classes]].to_numpy(np.float64)
        numbers = kept[ANSWER].map({name: number for number, name in enumerate(predictor.classes)})
        best = pd.Series(probabilities.argmax(axis=1))  # of those without an answer
        kept[CONFIDENCE] = confidence_of(probabilities, np.asarray(numbers.fillna(best), dtype=np.int64))
    kept = kept.join(measures.add_prefix(MEASURE))
    for found in vectors:
        kept[VECTOR] = list(found[places].astype(np.float16))
    return kept


@contextmanager
def keeping(workspace: Workspace, params: Params, predictor: Predictor, version: str) -> Iterator[Predictor | Watched]:
    """Yield who answers: rows are kept if `params.watch` asks for it and there is room, once all is answered well.

    Answers never fail for it: what can't be kept is said.
    """
    watch = params.watch
    room = room_left(workspace.watch, watch, now_utc()) if watch.sample else 0
    if not room:
        yield predictor
        return
    draw = Draw(watch.sample, room, np.random.default_rng())
    yield Watched(predictor, version, draw, watch.keep_inputs)
    try:
        if len(draw.rows):
            keep_rows(workspace.watch, draw.rows, num_seen=draw.num_seen, watch=watch, now=now_utc())
    except (StorageError, WorkspaceBusyError) as error:
        log.warning("answers are not kept for `thawline watch`: %s", error)
