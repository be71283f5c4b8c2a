"""Several labels a row (multi-label): each applies or not, whatever the others do.

- A row's labels are one text everywhere on the line, a JSON list of names in their order (`thawline/rows/labels.py`).
- A network's outputs are one logit a label, its loss the mean of their logistic losses; an exact head and the baselines
  are one classifier a label.
- Rows are stratified by the rarest of their labels.
- Each label has a threshold of its own, from the folds' unseen rows (`predict.decision: f1_macro`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from targets import Labels, Outputs, Target, Wrong, default_values
from targets.classes import NUM_NAMED, PROBABILITY
from targets.number import OF_CLASSES
from thawline.params import Params
from thawline.params.outcome import Gates
from thawline.params.target import Target as Chosen
from thawline.rows.labels import (
    STRATUM,
    count_label_sets,
    describe_label_sets,
    encode_label_sets,
    name_set_sizes,
    rarest_labels,
    read_label_sets,
    write_label_set,
)
from thawline.scores.answers import Rule
from thawline.scores.blending import fit_label_shares
from thawline.scores.comparison import TestPredictions
from thawline.scores.label_comparison import compare_label_sets, judge_label_sets
from thawline.scores.label_sets import (
    bootstrap_label_intervals,
    fit_thresholds,
    label_distances,
    score_each_label,
    score_label_sets_fully,
)
from thawline.scores.metrics import answer_sets, label_losses, score_label_sets

LABELS = "labels"
SHARED = ("predict.decision", "gates.min_f1_macro", "gates.max_recall_loss", "gates.max_precision_loss")
"""Params of classes that labels have, too."""


def read(cells: pd.Series, params: Params, _commas: bool) -> pd.Series:
    """Return sets of labels written one way; see `read_label_sets`."""
    return read_label_sets(cells, separator=params.target.separator)


def answer(outputs: Outputs, rule: Any) -> Labels:
    """Return which labels apply (rows, labels): those at their threshold (labels,), without a rule at 0.5."""
    return answer_sets(outputs, rule)


def align(outputs: Outputs, rule: Rule | None, names: Sequence[str], wanted: Sequence[str]) -> tuple[Outputs, Labels]:
    """Return probabilities and answers of other labels; one that is not known has a probability of 0."""
    outputs_of, answers_of = (
        pd.DataFrame(values, columns=list(names)).reindex(columns=list(wanted), fill_value=0).to_numpy(values.dtype)
        for values in (outputs, answer_sets(outputs, rule))
    )
    return outputs_of, answers_of


def present(
    outputs: Outputs, answers: Labels, names: Sequence[str], _interval: tuple[float, float] | None
) -> dict[str, Any]:
    """Return `labels`, a JSON list of those that apply, and one `probability_LABEL` a label."""
    probabilities = {f"{PROBABILITY}{name}": outputs[:, number] for number, name in enumerate(names)}
    return {LABELS: [_named(row, names) for row in answers], **probabilities}


def _named(applies: NDArray[Any], names: Sequence[str]) -> str:
    return write_label_set(name for name, does_apply in zip(names, applies > 0, strict=True) if does_apply)


def training(params: Params) -> dict[str, Any]:
    """Return the logistic loss of each label, and that early stopping watches its mean, or macro-F1 if asked."""
    monitor = "f1_macro" if params.train.monitor == "f1_macro" else "loss"
    return {"loss": "binary", "monitor": monitor, "label_smoothing": 0.0}


def head_problem(*, num_outputs: int, balanced: bool, **given: Any) -> Any:  # noqa: ARG001
    """Return the logistic regressions of a linear head, one a label."""
    from models.heads.one_vs_rest import OneVsRestProblem

    return OneVsRestProblem(**given)


def judged(labels: Labels, outputs: Outputs) -> tuple[NDArray[np.float64], float]:
    """Return the mean squared distances from the truth, and macro-F1 at the best thresholds of these rows."""
    answers = answer_sets(outputs, fit_thresholds(labels, outputs))
    return label_distances(labels, outputs), score_label_sets(labels, outputs, answers).f1_macro


def worst(of: TestPredictions, limit: int) -> list[Wrong]:
    """Return the rows with a wrong label whose labels are the least probable."""
    wrong = np.flatnonzero(((of.labels > 0) != (of.answers > 0)).any(axis=1))
    losses = label_losses(of.labels[wrong], of.probabilities[wrong])
    return [
        Wrong(int(row), _named(of.labels[row], of.classes), _named(of.answers[row], of.classes))
        for row in wrong[np.argsort(-losses, kind="stable")][:limit]
    ]


def purpose(params: Params, names: Sequence[str]) -> str:
    """Return which labels are told."""
    more = ", ..." if len(names) > NUM_NAMED else ""
    return (
        f"Tells which of {len(names)} labels ({', '.join(names[:NUM_NAMED])}{more}) apply to {params.modality} data "
        "like that it was trained on; none may. Input: the columns of the signature. Output: `labels`, a JSON list, "
        "and one `probability_LABEL` a label"
    )


def cautions(scores: Mapping[str, float]) -> list[str]:
    """Return that it knows no other labels, and how often all labels of a row are right."""
    return [
        "It knows none but its labels; that none of them applies does not say that a row is like none it has seen.",
        f"All labels are right in {scores['accuracy']:.1%} of the test rows.",
        "Its thresholds weigh wrong and missing labels as F1 does; where costs are others, use its probabilities.",
    ]


ALLOWED: dict[str, tuple[Any, ...]] = {
    f"{section}.{name}": (fields.model_fields[name].default,)
    for section, (fields, names) in OF_CLASSES.items()
    for name in names
    if section != "target" and f"{section}.{name}" not in SHARED
}
ALLOWED |= {f"target.{name}": (Chosen.model_fields[name].default,) for name in ("coverage", "loss", "min_distinct")}
ALLOWED |= {f"gates.{name}": (Gates.model_fields[name].default,) for name in ("min_r2", "max_mae_loss")}
ALLOWED |= {"predict.decision": ("most_probable", "f1_macro")}


def defaults(given: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return what a new workspace gets, with a threshold a label."""
    values = default_values(given, ALLOWED)
    return values | {"predict": {**values.get("predict", {}), "decision": "f1_macro"}}


TARGET = Target(
    name="labels",
    main="f1_macro",
    shown={
        "f1_macro": "macro-F1",
        "f1_micro": "micro-F1",
        "accuracy": "all labels right",
        "precision_macro": "precision",
        "recall_macro": "recall",
        "roc_auc": "ROC-AUC",
    },
    folded={"f1_macro": "macro-F1", "f1_micro": "micro-F1", "accuracy": "all labels right", "loss": "loss"},
    allowed=ALLOWED,
    defaults=defaults,
    read=read,
    outputs=lambda labels: list(count_label_sets(labels)),
    encode=encode_label_sets,
    columns=lambda labels: {STRATUM: rarest_labels(labels)},
    count=count_label_sets,
    tell=describe_label_sets,
    named=name_set_sizes,
    profile=lambda labels: {"labels": count_label_sets(labels)},
    answer=answer,
    fit_rule=fit_thresholds,
    align=align,
    present=present,
    unit=lambda _labels: None,
    independent=True,
    training=training,
    head_problem=head_problem,
    frozen="frozen_logistic",
    scorecard=score_label_sets_fully,
    per_class=score_each_label,
    intervals=bootstrap_label_intervals,
    judged=judged,
    off="Brier score of a label",
    interval=lambda _labels, _outputs, _params: None,
    covered=lambda _labels, _outputs, _interval: {},
    fit_shares=fit_label_shares,
    compare=compare_label_sets,
    judge=judge_label_sets,
    worst=worst,
    purpose=purpose,
    cautions=cautions,
    rooms=("labels",),
    has_classes=False,
)
