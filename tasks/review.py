"""What a person looks at after a run, gathered once: the pages of MLflow are pure functions of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modalities import get_modality
from tasks.evaluation import predictions_of, read_test_rows
from tasks.results import CrossValidation, Evaluation, Judgement, ScoredChampion
from tasks.training_set import load_training_set
from thawline.comparison import TestPredictions, flipped_rows
from thawline.context import Context

NUM_MISTAKES = 20
MAX_CHARS = 1500


@dataclass(frozen=True)
class Mistake:
    """A test row that the model has wrong: what it said, how sure it was (0 to 1), and the row for a person."""

    row_id: str
    label: str
    predicted: str
    probability: float
    text: str
    image: bytes | None


@dataclass(frozen=True)
class Review:
    """One run's candidate: its judgement, its scores, and its predictions of the test rows.

    `approaches` are all that were cross-validated, the fine-tuned one last; `evaluation` is the candidate's.
    """

    context: Context
    judgement: Judgement
    approaches: Sequence[CrossValidation]
    evaluations: Sequence[Evaluation]
    evaluation: Evaluation
    predictions: TestPredictions
    champion: TestPredictions | None
    train_labels: list[str]
    test: pd.DataFrame

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the probabilities."""
        return self.predictions.classes

    @property
    def tuned(self) -> CrossValidation:
        """The cross-validation of the fine-tuned model."""
        return self.approaches[-1]


def gather_review(
    context: Context,
    judgement: Judgement,
    *,
    approaches: Sequence[CrossValidation],
    evaluations: Sequence[Evaluation],
    champion: ScoredChampion | None,
) -> Review:
    """Gather what the pages show of a judged candidate."""
    data = load_training_set(context)
    evaluation = next(each for each in evaluations if each.name == judgement.candidate)
    arrays = None if champion is None else champion.predictions
    return Review(
        context=context,
        judgement=judgement,
        approaches=approaches,
        evaluations=evaluations,
        evaluation=evaluation,
        predictions=predictions_of(evaluation.predictions, data.classes),
        champion=None if arrays is None else predictions_of(arrays, data.classes),
        train_labels=data.frame["label"].tolist(),
        test=read_test_rows(context),
    )


def confident_mistakes(review: Review, limit: int = NUM_MISTAKES) -> list[Mistake]:
    """Return the test rows that are wrong, those first of which the model was most sure."""
    probabilities, labels = review.predictions.probabilities, review.predictions.labels
    predicted, sure = probabilities.argmax(axis=1), probabilities.max(axis=1)
    wrong = np.flatnonzero(predicted != labels)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][:limit]
    rows = review.test.iloc[chosen]
    shown = get_modality(review.context.params.modality).show(rows)
    return [
        Mistake(
            row_id=str(rows["row_id"].iloc[place]),
            label=review.classes[labels[row]],
            predicted=review.classes[predicted[row]],
            probability=float(sure[row]),
            text=shown[place].text[:MAX_CHARS] + ("…" if len(shown[place].text) > MAX_CHARS else ""),
            image=shown[place].image,
        )
        for place, row in enumerate(chosen.tolist())
    ]


def flipped_table(review: Review) -> pd.DataFrame | None:
    """Return the test rows that only one of challenger and champion has right; None where they were not compared."""
    if review.champion is None or review.judgement.comparison is None:
        return None
    mended, broken = flipped_rows(review.predictions, review.champion)
    rows = np.concatenate([mended, broken])
    frame = review.test.iloc[rows]
    return pd.DataFrame(
        {
            "change": ["mended"] * len(mended) + ["broken"] * len(broken),
            "row_id": frame["row_id"].tolist(),
            "label": frame["label"].tolist(),
            "champion": _named(review.champion, rows),
            "challenger": _named(review.predictions, rows),
            "champion_probability": review.champion.probabilities[rows].max(axis=1).round(6),
            "challenger_probability": review.predictions.probabilities[rows].max(axis=1).round(6),
            "content": get_modality(review.context.params.modality).excerpt(frame).tolist(),
        }
    )


def _named(predictions: TestPredictions, rows: NDArray[np.int64]) -> list[str]:
    return [predictions.classes[number] for number in predictions.probabilities[rows].argmax(axis=1)]
