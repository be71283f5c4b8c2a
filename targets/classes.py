"""One of several classes: probabilities of each, of which a rule answers one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from targets import Labels, Outputs, Target, Wrong
from thawline.errors import DataRefusedError
from thawline.formats.tables import as_strings
from thawline.params import Params
from thawline.params.outcome import Gates
from thawline.params.target import Target as Chosen
from thawline.rows.labels import describe_labels
from thawline.scores.answers import Rule, answer, fit_weights, preferences
from thawline.scores.blending import fit_shares
from thawline.scores.comparison import TestPredictions, compare
from thawline.scores.gates import judge
from thawline.scores.metrics import answers_of, score, score_classes

PROBABILITY = "probability_"
OF_OTHERS = ("coverage", "loss", "min_distinct", "separator", "max_unlabelled_share", "max_pair_overlap")
"""Params of the section `target` that are of other kinds of answer."""
NUM_NAMED = 20
"""Classes that a sentence names."""


def encode(labels: pd.Series, classes: list[str]) -> Labels:
    """Return the class number (rows,) of each row's label.

    Raises:
        DataRefusedError: A label that no training row has.
    """
    unknown = sorted(set(labels) - set(classes))
    if unknown:
        raise DataRefusedError(
            f"labels {unknown} are in the test set but in no training row, so nothing can learn them; add rows of "
            "these classes, or remove the label"
        )
    return labels.map({name: number for number, name in enumerate(classes)}).to_numpy(np.int64, copy=True)


def count(labels: pd.Series) -> Mapping[str, int]:
    """Count the rows of each label, by name; rows without one are not counted."""
    return {str(label): int(number) for label, number in labels.value_counts().sort_index().items()}


def present(
    outputs: Outputs, answers: Labels, classes: Sequence[str], _interval: tuple[float, float] | None
) -> dict[str, Any]:
    """Return `label` and one `probability_CLASS` a class."""
    probabilities = {f"{PROBABILITY}{name}": outputs[:, number] for number, name in enumerate(classes)}
    return {"label": [classes[number] for number in answers], **probabilities}


def head_problem(*, num_outputs: int, **given: Any) -> Any:
    """Return the logistic regression of a linear head."""
    from models.heads.linear import HeadProblem

    return HeadProblem(num_classes=num_outputs, **given)


def judged(labels: Labels, outputs: Outputs) -> tuple[NDArray[np.float64], float]:
    """Return the squared distances from the truth at the best temperature, whose mean is the Brier score."""
    from thawline.scores.calibration import apply_temperature, fit_temperature, row_distances

    scaled = apply_temperature(outputs, fit_temperature(labels, outputs))
    return row_distances(labels, scaled), score(labels, scaled).f1_macro


def scorecard(*given: Any) -> dict[str, float]:
    """Return all scores, see `thawline.scores.scorecard.score_fully`."""
    from thawline.scores.scorecard import score_fully  # brings scikit-learn, which a DVC stage does without

    return score_fully(*given)


def intervals(*given: Any, **chosen: Any) -> dict[str, tuple[float, float]]:
    """Return bootstrap intervals, see `thawline.scores.scorecard.bootstrap_intervals`."""
    from thawline.scores.scorecard import bootstrap_intervals

    return bootstrap_intervals(*given, **chosen)


def align(outputs: Outputs, rule: Rule | None, names: Sequence[str], wanted: Sequence[str]) -> tuple[Outputs, Labels]:
    """Return probabilities of other classes, and their numbers answered; one that is not wanted is not answered."""
    tables = (pd.DataFrame(values, columns=list(names)) for values in (outputs, preferences(outputs, rule)))
    aligned, preferred = (
        table.reindex(columns=list(wanted), fill_value=absent).to_numpy(np.float64)
        for table, absent in zip(tables, (0.0, -np.inf), strict=True)
    )
    return aligned, answers_of(preferred)


def worst(of: TestPredictions, limit: int) -> list[Wrong]:
    """Return the rows that are wrong, those first of which it was most sure."""
    labels, answers = of.labels, of.answers
    sure = of.probabilities[np.arange(len(labels)), answers]
    wrong = np.flatnonzero(answers != labels)
    return [
        Wrong(int(row), of.classes[labels[row]], of.classes[answers[row]], float(sure[row]))
        for row in wrong[np.argsort(-sure[wrong], kind="stable")][:limit]
    ]


def purpose(params: Params, classes: Sequence[str]) -> str:
    """Return which classes are told apart."""
    more = ", ..." if len(classes) > NUM_NAMED else ""
    return (
        f"Tells one of {len(classes)} classes ({', '.join(classes[:NUM_NAMED])}{more}) from "
        f"{params.modality} data like that it was trained on. Input: the columns of the signature. "
        "Output: `label` and one `probability_CLASS` a class"
    )


def cautions(scores: Mapping[str, float]) -> list[str]:
    """Return that it knows no others, and how far its probabilities are off."""
    error = scores["expected_calibration_error"]
    return [
        "It answers with one of its classes whatever it is given; it does not know that something is none of them.",
        f"Its probabilities have an expected calibration error of {error:.4f} on the test set.",
    ]


def _training(_params: Params) -> dict[str, Any]:
    return {}


TARGET = Target(
    name="classes",
    main="f1_macro",
    shown={
        "f1_macro": "macro-F1",
        "accuracy": "accuracy",
        "precision_macro": "precision",
        "recall_macro": "recall",
        "roc_auc": "ROC-AUC",
    },
    folded={"f1_macro": "macro-F1", "accuracy": "accuracy", "loss": "loss"},
    allowed={f"target.{name}": (Chosen.model_fields[name].default,) for name in OF_OTHERS}
    | {f"gates.{name}": (Gates.model_fields[name].default,) for name in ("min_r2", "max_mae_loss")},
    defaults=lambda given: {section: dict(values) for section, values in given.items()},
    read=lambda cells, _params, _commas: as_strings(cells, strip=True),
    outputs=lambda labels: sorted(labels.unique()),
    encode=encode,
    columns=lambda _labels: {},
    count=count,
    tell=describe_labels,
    named=lambda labels: labels,
    profile=lambda _labels: {},
    answer=answer,
    fit_rule=fit_weights,
    align=align,
    present=present,
    unit=lambda _labels: None,
    independent=False,
    training=_training,
    head_problem=head_problem,
    frozen="frozen_logistic",
    scorecard=scorecard,
    per_class=score_classes,
    intervals=intervals,
    judged=judged,
    off="Brier score",
    interval=lambda _labels, _outputs, _params: None,
    covered=lambda _labels, _outputs, _interval: {},
    fit_shares=fit_shares,
    compare=compare,
    judge=judge,
    worst=worst,
    purpose=purpose,
    cautions=cautions,
    rooms=(),
    has_classes=True,
)
