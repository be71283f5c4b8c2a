"""Challenger against champion where rows have several labels, and the gates in these terms.

A gain is one of macro-F1 over the labels that both know, beyond chance in the paired bootstrap over groups; it may not
be bought by precision or recall, on average or of a label (`proven_losses.py`).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from thawline.params.outcome import Gates
from thawline.scores.comparison import LOST, NUM_BOOTSTRAP_SAMPLES, TestPredictions, class_changes
from thawline.scores.gates import (
    CrossValidated,
    Gate,
    Unscorable,
    against_gates,
    better_gate,
    chance_of_no_gain,
    floor_gates,
    gain_gate,
    kept_gates,
    level_of_gain,
    overfitting_gates,
)
from thawline.scores.label_sets import score_each_label
from thawline.scores.metrics import score_label_sets
from thawline.scores.numbers import resampled_sums
from thawline.scores.proven_losses import Loss, Metric, worst_loss
from thawline.scores.resampling import ClassCounts, count_groups
from thawline.scores.slice_scores import SliceScores


class LabelComparison(BaseModel):
    """Challenger minus champion; `f1_interval` is the 95 % interval of the paired bootstrap.

    `probability_no_gain` is the share of bootstrap samples in which the challenger's macro-F1 is not higher, and never
    less than a sign test of the groups that are answered differently could say. `num_mended` labels of rows only the
    challenger has right, `num_broken` only the champion. All but what follows is of the labels that both know:
    `new_f1` is the challenger's mean F1 of `new_labels`, and `probability_unlearned` the share of samples in which it
    is not above that of always answering them; the champion answers `gone_labels` beside these.
    """

    model_config = ConfigDict(frozen=True)

    f1_change: float
    f1_interval: tuple[float, float]
    accuracy_change: float
    probability_no_gain: float
    num_mended: int
    num_broken: int
    per_label: dict[str, dict[str, float]]
    precision_loss: Loss
    recall_loss: Loss
    new_labels: list[str] = []
    gone_labels: list[str] = []
    new_f1: float | None = None
    probability_unlearned: float | None = None


def compare_label_sets(
    challenger: TestPredictions, champion: TestPredictions, *, significance: float = 0.1
) -> LabelComparison:
    """Compare two models' answers to the same rows; arguments as of `comparison.compare`."""
    is_new = np.array([name in champion.new_classes for name in challenger.classes])
    new_f1, unlearned = _learned(challenger, is_new) if is_new.any() else (None, None)
    challenger, champion = _of_labels(challenger, ~is_new), _of_labels(champion, ~is_new)
    samples = resample_labels(challenger, champion)
    changes = (samples[0].f1 - samples[1].f1).mean(axis=1)
    low, high = np.quantile(changes, [0.025, 0.975])
    was_right, right = (each.answers == (each.labels > 0) for each in (champion, challenger))
    differing = np.flatnonzero((right != was_right).any(axis=1))
    num_differing = len(differing if challenger.groups is None else np.unique(challenger.groups[differing]))
    new, old = (score_label_sets(each.labels, each.probabilities, each.answers) for each in (challenger, champion))
    losses = {metric: _worst_loss(metric, challenger, champion, samples, significance) for metric in LOST}
    return LabelComparison(
        f1_change=new.f1_macro - old.f1_macro,
        f1_interval=(float(low), float(high)),
        accuracy_change=new.accuracy - old.accuracy,
        probability_no_gain=max(float((changes <= 0).mean()), 0.5**num_differing),
        num_mended=int((right & ~was_right).sum()),
        num_broken=int((was_right & ~right).sum()),
        per_label=class_changes(challenger, champion, score_each_label),
        precision_loss=losses["precision"],
        recall_loss=losses["recall"],
        new_labels=champion.new_classes,
        gone_labels=champion.gone_classes,
        new_f1=new_f1,
        probability_unlearned=unlearned,
    )


def probability_of_always(model: TestPredictions) -> float:
    """Return the share of bootstrap samples in which a model's macro-F1 is not above that of answering every label.

    Of all answers that do not look at the row that has the highest F1, for each label.
    """
    always = model.model_copy(update={"decided": np.ones_like(model.labels, dtype=bool)})
    own, blind = resample_labels(model, always)
    return float((own.f1.mean(axis=1) <= blind.f1.mean(axis=1)).mean())


def judge_label_sets(
    challenger: TestPredictions,
    against: LabelComparison | Unscorable | None,
    *,
    candidate: CrossValidated,
    limits: Gates,
    slices: Sequence[SliceScores] = (),  # noqa: ARG001 - several labels are not scored by slices
    num_before: float = 0.0,
) -> list[Gate]:
    """Return every gate's verdict on the challenger; arguments as of `gates.judge`."""
    value = score_label_sets(challenger.labels, challenger.probabilities, challenger.answers).f1_macro
    return [
        *floor_gates("macro-F1", value, limits.min_f1_macro),
        _better_than_always(challenger, limits),
        *overfitting_gates(candidate, limits),
        *against_gates(
            against,
            lambda found: [
                _gain(found, limits, num_before),
                *kept_gates(found.precision_loss, found.recall_loss, limits),
            ],
        ),
    ]


def resample_labels(*models: TestPredictions) -> list[ClassCounts]:
    """Return the counts by label of each model's answers on the same bootstrap samples of the rows."""
    truth = models[0].labels > 0
    parts = [truth, *(part for model in models for part in (model.answers > 0, truth & (model.answers > 0)))]
    values = np.column_stack(parts).astype(np.float64)
    sums = resampled_sums(values, models[0].groups, num_samples=NUM_BOOTSTRAP_SAMPLES, seed=0)
    true, *others = np.split(sums, len(parts), axis=1)
    return [ClassCounts(true, *others[place : place + 2]) for place in range(0, len(others), 2)]


def _of_labels(model: TestPredictions, kept: NDArray[np.bool_]) -> TestPredictions:
    return model.model_copy(
        update={
            "labels": model.labels[:, kept],
            "probabilities": model.probabilities[:, kept],
            "classes": [name for name, is_kept in zip(model.classes, kept, strict=True) if is_kept],
            "decided": model.answers[:, kept],
        }
    )


def _learned(model: TestPredictions, is_new: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the mean F1 of new labels, and how often it is not above that of always answering them."""
    own = _of_labels(model, is_new)
    return score_label_sets(own.labels, own.probabilities, own.answers).f1_macro, probability_of_always(own)


def _worst_loss(
    metric: Metric,
    challenger: TestPredictions,
    champion: TestPredictions,
    samples: Sequence[ClassCounts],
    significance: float,
) -> Loss:
    truth = challenger.labels > 0
    differs = (challenger.answers > 0) != (champion.answers > 0)
    rows, labels = np.nonzero(differs if metric == "precision" else differs & truth)
    counted = [
        ClassCounts(*(part.sum(axis=0, dtype=np.float64)[None] for part in (truth, given, truth & given)))
        for given in (challenger.answers > 0, champion.answers > 0)
    ]
    return worst_loss(
        metric,
        counted=(counted[0], counted[1]),
        samples=(samples[0], samples[1]),
        num_differing=count_groups(challenger.groups, rows, classes=labels, num_classes=truth.shape[1]),
        classes=challenger.classes,
        significance=significance,
    )


def _better_than_always(challenger: TestPredictions, limits: Gates) -> Gate:
    blind = score_label_sets(challenger.labels, np.ones(challenger.labels.shape)).f1_macro
    told = f"answering every label to every row has macro-F1 {blind:.4f}"
    return better_gate("every label", told, probability_of_always(challenger), limits)


def _gain(comparison: LabelComparison, limits: Gates, num_before: float) -> Gate:
    low, high = comparison.f1_interval
    unlearned, told = comparison.probability_unlearned, ""
    limit = level_of_gain(limits.significance, num_before)
    value = chance_of_no_gain(comparison.probability_no_gain, unlearned, is_worse=high < 0)
    if comparison.new_f1 is not None and unlearned is not None:
        told = (
            f"; that is without the labels {', '.join(map(repr, comparison.new_labels))}, which the champion does not "
            f"know: there the challenger has F1 {comparison.new_f1:.4f}, with probability "
            f"{unlearned:.4f} no more than always answering them has, which counts as a gain, "
            f"too (the better of both, twice: {value:.4f})"
        )
    change = (
        f"test macro-F1 changes by {comparison.f1_change:+.4f} ({low:+.4f} to {high:+.4f}) against the champion, "
        f"{comparison.num_mended} labels of rows mended and {comparison.num_broken} broken; probability "
        f"{comparison.probability_no_gain:.4f}"
    )
    return gain_gate(change, value, limit, told=told)
