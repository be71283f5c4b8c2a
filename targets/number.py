"""A number to be estimated (regression), with the interval that it lies in.

- A network learns standardised numbers, by mean and deviation of the rows that its fold learns from; its head then
  takes these up, so that it answers in the unit of the data's owner. An exact head is a ridge regression.
- Rows are stratified by ranges of about equally many rows.
- The interval around an answer follows from the errors on the folds' unseen rows (`thawline/scores/numbers.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from targets import Labels, Outputs, Target, Wrong, default_values
from thawline.formats.tables import as_strings
from thawline.params import Params
from thawline.params.augment import Augment
from thawline.params.learning import Train
from thawline.params.outcome import Audit, Export, Gates, Predict
from thawline.params.search import Search
from thawline.params.section import Section
from thawline.params.target import Target as Chosen
from thawline.params.validation import Validation
from thawline.rows.drift import count_bins
from thawline.rows.labels import (
    STRATUM,
    count_ranges,
    describe_ranges,
    edges_of,
    name_ranges,
    number_strata,
    parse_numbers,
    read_number_labels,
    require_numbers,
)
from thawline.scores.blending import fit_number_shares
from thawline.scores.comparison import TestPredictions
from thawline.scores.number_comparison import compare_numbers, judge_number
from thawline.scores.numbers import (
    bootstrap_number_intervals,
    fit_interval,
    score_numbers,
    score_numbers_fully,
    squared_errors,
)

VALUE = "value"
OF_CLASSES: dict[str, tuple[type[Section], tuple[str, ...]]] = {
    "augment": (Augment, ("mixup_alpha", "cutmix_alpha")),
    "train": (Train, ("loss", "class_weights", "sampling", "label_smoothing")),
    "predict": (Predict, ("calibration", "decision", "max_error", "min_confidence", "coverage")),
    "audit": (Audit, ("policy",)),
    "export": (Export, ("onnx",)),
    "search": (Search, ("strategy",)),
    "gates": (Gates, ("min_f1_macro", "max_recall_loss", "max_precision_loss", "max_slice_gap")),
    "validation": (
        Validation,
        ("labels", "engine", "min_class_share", "max_imbalance_ratio", "max_classes", "new_classes", "absent_classes"),
    ),
    "target": (Chosen, ("separator", "max_unlabelled_share", "max_pair_overlap")),
}
"""Params that only classes, or labels, have, by section."""


def read(cells: pd.Series, params: Params, decimal_commas: bool) -> pd.Series:
    """Return labels with numbers written one way; see `read_number_labels`."""
    ingest, labels = params.ingest, as_strings(cells, strip=True)
    return read_number_labels(labels, decimal=ingest.decimal, decimal_commas=decimal_commas, column=ingest.label_column)


def profile(labels: pd.Series) -> dict[str, Any]:
    """Return the numbers in bins, under 'target'."""
    numbers = parse_numbers(labels)
    edges = [float(edge) for edge in edges_of(numbers)]
    return {"labels": {}, "target": {"edges": edges, "counts": count_bins(pd.Series(numbers), edges)}}


def training(params: Params) -> dict[str, Any]:
    """Return the loss that the target names, and that its value is what early stopping watches."""
    return {"loss": params.target.loss, "monitor": "loss", "label_smoothing": 0.0}


def present(
    _outputs: Outputs, answers: Labels, _names: Sequence[str], interval: tuple[float, float] | None
) -> dict[str, Any]:
    """Return `value`, and the ends of its interval as `value_low` and `value_high`."""
    ends = {} if interval is None else dict(zip(("low", "high"), interval, strict=True))
    return {VALUE: answers} | {f"{VALUE}_{end}": answers + off for end, off in ends.items()}


def unit(labels: Labels) -> Any:
    """Return mean and deviation of the labels."""
    from models.heads.units import Unit  # brings torch

    return Unit.of(labels)


def worst(of: TestPredictions, limit: int) -> list[Wrong]:
    """Return the rows that are farthest off."""
    labels, answers = of.labels, of.answers
    order = np.argsort(-np.abs(answers - labels), kind="stable")[:limit]
    return [Wrong(int(row), f"{labels[row]:.6g}", f"{answers[row]:.6g}") for row in order]


def purpose(params: Params, _names: Sequence[str]) -> str:
    """Return what is estimated."""
    return (
        f"Estimates a number, {params.ingest.label_column}, from {params.modality} data like that it was "
        "trained on. Input: the columns of the signature. Output: `value`, and `value_low` to `value_high`, which "
        f"are to hold {params.target.coverage:.0%} of the rows like those it was trained on"
    )


def cautions(scores: Mapping[str, float]) -> list[str]:
    """Return that it knows of no row that is like none, and what its intervals are."""
    width, held = scores["interval_width"], scores["interval_coverage"]
    intervals = f"Its intervals are all of one width ({width:.4g}) and held {held:.1%} of the test rows"
    return [
        "It answers with a number whatever it is given; it does not know that a row is like none it has seen.",
        f"{intervals}: right on average, not for every kind of row.",
    ]


def head_problem(*, num_outputs: int, balanced: bool, **given: Any) -> Any:  # noqa: ARG001
    """Return the ridge regression of a linear head."""
    from models.heads.ridge import RidgeProblem

    return RidgeProblem(**given)


def judged(labels: Labels, outputs: Outputs) -> tuple[NDArray[np.float64], float]:
    """Return the squared errors, and R²."""
    return squared_errors(labels, outputs), score_numbers(labels, outputs).r2


def interval(labels: Labels, outputs: Outputs, params: Params) -> tuple[float, float]:
    """Return the ends of intervals that hold `target.coverage` of the rows."""
    return fit_interval(labels, outputs, coverage=params.target.coverage)


def covered(labels: Labels, outputs: Outputs, ends: tuple[float, float] | None) -> dict[str, float]:
    """Return the share of rows inside the interval, and its width."""
    if ends is None:
        return {}
    errors = labels - outputs[:, 0]
    inside = (errors >= ends[0]) & (errors <= ends[1])
    return {"interval_coverage": float(inside.mean()), "interval_width": ends[1] - ends[0]}


ALLOWED: dict[str, tuple[Any, ...]] = {
    f"{section}.{name}": (fields.model_fields[name].default,)
    for section, (fields, names) in OF_CLASSES.items()
    for name in names
} | {"train.monitor": ("calibrated_loss", "loss")}

TARGET = Target(
    name="number",
    main="r2",
    shown={"r2": "R²", "mae": "mean absolute error", "rmse": "root mean squared error"},
    folded={"r2": "R²", "mae": "mean absolute error", "rmse": "root mean squared error"},
    allowed=ALLOWED,
    defaults=lambda given: default_values(given, ALLOWED),
    read=read,
    outputs=lambda _labels: [VALUE],
    encode=lambda labels, _outputs: require_numbers(labels),
    columns=lambda labels: {STRATUM: number_strata(labels)},
    count=count_ranges,
    tell=describe_ranges,
    named=name_ranges,
    profile=profile,
    answer=lambda outputs, _rule: outputs[:, 0],
    fit_rule=lambda _labels, _outputs: np.ones(1),
    align=lambda outputs, _rule, _names, _wanted: (outputs, outputs[:, 0]),
    present=present,
    unit=unit,
    independent=False,
    training=training,
    head_problem=head_problem,
    frozen="frozen_ridge",
    scorecard=score_numbers_fully,
    per_class=lambda _labels, _outputs, _names, _answers: {},
    intervals=bootstrap_number_intervals,
    judged=judged,
    off="squared error, standardised",
    interval=interval,
    covered=covered,
    fit_shares=fit_number_shares,
    compare=compare_numbers,
    judge=judge_number,
    worst=worst,
    purpose=purpose,
    cautions=cautions,
    rooms=("number",),
    has_classes=False,
)
