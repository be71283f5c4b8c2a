"""What a person looks at after a run, gathered once: the pages of MLflow are pure functions of it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modalities import get_modality
from targets import Target, target_of
from tasks.candidates.abstention import unseen_sureness
from tasks.candidates.label_audit import LabelAudit
from tasks.judging.evaluation import predictions_of, read_test_rows
from tasks.results.cross_validation import CrossValidation
from tasks.results.judgement import Evaluation, Judgement, ScoredChampion
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.scores.abstention import Sureness, confidence_of
from thawline.scores.comparison import TestPredictions, flipped_rows

NUM_MISTAKES = 20
MAX_CHARS = 1500


@dataclass(frozen=True)
class Mistake:
    """A row that a model has wrong: what it said, how sure it was (0 to 1, None of a number), and the row for a person.

    `origin` is the row's file and number in it, from 0, where that helps to mend it.
    """

    row_id: str
    label: str
    predicted: str
    probability: float | None
    text: str
    image: bytes | None
    origin: str = ""


@dataclass(frozen=True)
class Review:
    """One run's candidate: its judgement, its scores, and its predictions of the test rows.

    `approaches` are all that were cross-validated, the fine-tuned one last; `evaluation` is the candidate's. `issues`
    are training rows whose label is probably wrong, to a model that did not see them; `audit` says how many there are.
    `unseen` says how sure the candidate was of training rows that it had not seen.
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
    audit: LabelAudit | None = None
    issues: Sequence[Mistake] = ()
    unseen: Sureness | None = None

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of the probabilities."""
        return self.predictions.classes

    @property
    def target(self) -> Target:
        """What kind of answer is given."""
        return target_of(self.context.params)

    @property
    def sureness(self) -> Sureness:
        """How sure the candidate is of the test rows."""
        of = self.predictions
        groups = np.arange(len(of.labels)) if of.groups is None else of.groups
        return Sureness(confidence_of(of.probabilities, of.answers), of.answers != of.labels, groups)

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
    audit: LabelAudit | None,
) -> Review:
    """Gather what the pages show of a judged candidate."""
    data = load_train_set(context)
    evaluation = next(each for each in evaluations if each.name == judgement.candidate)
    candidate = next(each for each in approaches if each.name == judgement.candidate)
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
        test=read_test_rows(context.workspace),
        audit=audit,
        issues=() if audit is None else _label_issues(context, audit),
        unseen=unseen_sureness(context, candidate).of(data.scored) if target_of(context.params).has_classes else None,
    )


def confident_mistakes(review: Review, limit: int = NUM_MISTAKES) -> list[Mistake]:
    """Return the test rows that are wrong, the worst first: see `Target.worst`."""
    found = review.target.worst(review.predictions, limit)
    rows = review.test.iloc[[wrong.row for wrong in found]]
    shown = get_modality(review.context.params.modality).show(rows)
    return [
        Mistake(
            row_id=str(row_id),
            label=wrong.label,
            predicted=wrong.answered,
            probability=wrong.probability,
            text=_shortened(each.text),
            image=each.image,
        )
        for wrong, each, row_id in zip(found, shown, rows["row_id"], strict=True)
    ]


def _label_issues(context: Context, audit: LabelAudit) -> list[Mistake]:
    """Return the rows of the audit's worst issues as a person looks at them."""
    rows = load_train_set(context).frame.iloc[[issue.row for issue in audit.worst]]
    shown = get_modality(context.params.modality).show(rows)
    places = zip(audit.worst, shown, rows["row_id"], rows["source"], rows["source_row"], strict=True)
    return [
        Mistake(
            row_id=str(row_id),
            label=issue.given,
            predicted=issue.suggested,
            probability=issue.probability,
            text=_shortened(each.text),
            image=each.image,
            origin=f"{source}, row {number}",
        )
        for issue, each, row_id, source, number in places
    ]


def _shortened(text: str) -> str:
    return text[:MAX_CHARS] + ("…" if len(text) > MAX_CHARS else "")


def flipped_table(review: Review) -> pd.DataFrame | None:
    """Return the test rows that only one of challenger and champion has right.

    None where they were not compared, or are numbers.
    """
    if review.champion is None or review.judgement.comparison is None or not review.target.has_classes:
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
            "champion_probability": _sureness(review.champion, rows),
            "challenger_probability": _sureness(review.predictions, rows),
            "content": get_modality(review.context.params.modality).excerpt(frame).tolist(),
        }
    )


def _named(predictions: TestPredictions, rows: NDArray[np.int64]) -> list[str]:
    return [predictions.classes[number] for number in predictions.answers[rows]]


def _sureness(predictions: TestPredictions, rows: NDArray[np.int64]) -> NDArray[np.floating]:
    """Return the probability of the class that each row is answered with."""
    sure: NDArray[np.floating] = predictions.probabilities[rows, predictions.answers[rows]].round(6)
    return sure
