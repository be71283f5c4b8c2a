"""One of several classes: probabilities of each, of which a rule answers one."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from targets import Labels, Outputs, Target
from thawline.errors import DataRefusedError
from thawline.params import Params
from thawline.params.outcome import Gates
from thawline.params.target import Target as Chosen
from thawline.rows.labels import describe_labels
from thawline.scores.answers import answer
from thawline.scores.blending import fit_shares
from thawline.scores.comparison import compare
from thawline.scores.gates import judge
from thawline.scores.metrics import score

PROBABILITY = "probability_"


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
    allowed={f"target.{name}": (Chosen.model_fields[name].default,) for name in ("coverage", "loss", "min_distinct")}
    | {f"gates.{name}": (Gates.model_fields[name].default,) for name in ("min_r2", "max_mae_loss")},
    defaults=lambda given: {section: dict(values) for section, values in given.items()},
    read=lambda labels, _params, _commas: labels,
    outputs=lambda labels: sorted(labels.unique()),
    encode=encode,
    columns=lambda _labels: {},
    count=count,
    tell=describe_labels,
    named=lambda labels: labels,
    profile=lambda _labels: {},
    answer=answer,
    present=present,
    unit=lambda _labels: None,
    training=_training,
    head_problem=head_problem,
    frozen="frozen_logistic",
    scorecard=scorecard,
    intervals=intervals,
    judged=judged,
    off="Brier score",
    interval=lambda _labels, _outputs, _params: None,
    covered=lambda _labels, _outputs, _interval: {},
    fit_shares=fit_shares,
    compare=compare,
    judge=judge,
    rooms=(),
    has_classes=True,
)
