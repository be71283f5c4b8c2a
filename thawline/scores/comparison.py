"""Challenger against champion on the same test rows: by how much, beyond chance or not, for which class, which rows.

Beyond chance means that it holds in the paired bootstrap over groups of near-duplicates
(`thawline/scores/resampling.py`).
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from thawline.scores.metrics import ClassScores, answers_of, score, score_classes, share
from thawline.scores.proven_losses import Loss, Metric, worst_loss
from thawline.scores.resampling import ClassCounts, count_groups, count_rows, resample

NUM_BOOTSTRAP_SAMPLES = 2000
CLASS_METRICS = ("precision", "recall", "f1")
LOST: tuple[Metric, ...] = ("precision", "recall")


class TestPredictions(BaseModel):
    """Class probabilities (rows, classes) of one model on the test rows, whose true classes are `labels` (rows,).

    Of a number they are estimates (rows, 1) and the true numbers; what is answered is then the estimate.

    `decided` are the classes (rows,) that its rule answers; without one the most probable are answered. `groups` are
    the numbers (rows,) of groups of near-duplicates; without them each row stands alone. `new_classes` are those of
    `classes` that the model does not know, `gone_classes` those that it knows beside them.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    __test__ = False

    labels: NDArray[Any]
    probabilities: NDArray[np.floating]
    classes: list[str]
    decided: NDArray[Any] | None = None
    groups: NDArray[np.int64] | None = None
    new_classes: list[str] = []
    gone_classes: list[str] = []

    @property
    def answers(self) -> NDArray[Any]:
        """The class or number (rows,) that each row is answered with."""
        return answers_of(self.probabilities) if self.decided is None else self.decided

    def of_rows(self, rows: NDArray[np.bool_]) -> "TestPredictions":
        """Return those of some rows."""
        per_row = ("labels", "probabilities", "decided", "groups")
        taken = {name: values[rows] for name in per_row if (values := getattr(self, name)) is not None}
        return self.model_copy(update=taken)


class Comparison(BaseModel):
    """Challenger minus champion; `f1_interval` is the 95 % interval of the paired bootstrap.

    `probability_no_gain` is the share of bootstrap samples in which the challenger's macro-F1 is not higher, and never
    less than a sign test of the groups that are answered differently could say. `precision_loss` and `recall_loss` are
    the largest that are beyond chance; comparisons made before there were such have none.
    `num_mended` rows only the challenger has right, `num_broken` only the champion; `mcnemar_p` is the two-sided
    probability of so uneven a pair if both were equally good (exact test, McNemar 1947). `per_class` has, by class,
    the change of precision, recall and F1. Rows of `new_classes`, which the champion does not know, are left out; in
    place of `gone_classes`, which the data no longer has, it answers with others. `new_f1` is the
    challenger's mean F1 of the new classes on all rows,
    `probability_unlearned` the share of bootstrap samples in which it is not above guessing.
    """

    model_config = ConfigDict(frozen=True)

    f1_change: float
    f1_interval: tuple[float, float]
    accuracy_change: float
    probability_no_gain: float
    num_mended: int
    num_broken: int
    mcnemar_p: float
    per_class: dict[str, dict[str, float]]
    precision_loss: Loss | None = None
    recall_loss: Loss | None = None
    new_classes: list[str] = []
    gone_classes: list[str] = []
    new_f1: float | None = None
    probability_unlearned: float | None = None


def compare(challenger: TestPredictions, champion: TestPredictions, *, significance: float = 0.1) -> Comparison:
    """Compare two models' predictions of the same rows.

    Args:
        challenger: One.
        champion: The other; the groups of both are the same. Rows of its `new_classes` are left out.
        significance: Chance at which a loss counts as real.
    """
    new_classes = champion.new_classes
    new_f1, unlearned = _learned(challenger, new_classes) if new_classes else (None, None)
    judged = np.array([name not in new_classes for name in challenger.classes])
    if new_classes:
        rows = judged[challenger.labels]
        challenger, champion = challenger.of_rows(rows), champion.of_rows(rows)
    new_samples, old_samples = _resample(challenger, champion)
    counted = judged if new_classes else slice(None)
    changes = (new_samples.f1 - old_samples.f1)[:, counted].mean(axis=1)
    low, high = np.quantile(changes, [0.025, 0.975])
    losses = {
        metric: _worst_loss(metric, challenger, champion, (new_samples, old_samples), significance) for metric in LOST
    }
    mended, broken = (len(rows) for rows in flipped_rows(challenger, champion))
    new, old = (score(each.labels, each.probabilities, each.answers) for each in (challenger, champion))
    by_class = class_changes(challenger, champion)
    return Comparison(
        f1_change=(new.f1_macro - old.f1_macro) * float(len(judged) / judged.sum()),
        f1_interval=(float(low), float(high)),
        accuracy_change=new.accuracy - old.accuracy,
        probability_no_gain=max(float((changes <= 0).mean()), 0.5 ** _count_differing(challenger, champion)),
        num_mended=mended,
        num_broken=broken,
        mcnemar_p=_two_sided(mended, broken),
        per_class={name: change for name, change in by_class.items() if name not in new_classes},
        precision_loss=losses["precision"],
        recall_loss=losses["recall"],
        new_classes=new_classes,
        gone_classes=champion.gone_classes,
        new_f1=new_f1,
        probability_unlearned=unlearned,
    )


def class_intervals(
    challenger: TestPredictions, champion: TestPredictions
) -> dict[str, dict[str, tuple[float, float]]]:
    """Return by class the 95 % intervals of the changes of precision, recall and F1, by the paired bootstrap."""
    new, old = (
        {"precision": share(of.hits, of.answered), "recall": share(of.hits, of.true), "f1": of.f1}
        for of in _resample(challenger, champion)
    )
    ends = {metric: np.quantile(new[metric] - old[metric], [0.025, 0.975], axis=0) for metric in CLASS_METRICS}
    return {
        name: {metric: (float(ends[metric][0, place]), float(ends[metric][1, place])) for metric in CLASS_METRICS}
        for place, name in enumerate(challenger.classes)
    }


def probability_of_guessing(model: TestPredictions) -> float:
    """Return the share of bootstrap samples in which a model's macro-F1 is not above that of guessing.

    Who guesses each class as often as it occurs has the F1 of its share, and so a macro-F1 of 1 / number of classes;
    always answering the most frequent class has less.
    """
    (samples,) = _resample(model)
    return float((samples.f1.mean(axis=1) <= 1 / len(model.classes)).mean())


def _resample(*models: TestPredictions) -> list[ClassCounts]:
    """Return the counts of each model's answers on the same bootstrap samples of the rows, which all have in common."""
    first = models[0]
    return resample(
        first.labels,
        [model.answers for model in models],
        len(first.classes),
        groups=first.groups,
        num_samples=NUM_BOOTSTRAP_SAMPLES,
        seed=0,
    )


def _learned(model: TestPredictions, classes: list[str]) -> tuple[float, float]:
    """Return the mean F1 of some classes, and how often it is not above the one of guessing: the class's share."""
    numbers = [model.classes.index(name) for name in classes]
    (samples,) = _resample(model)
    shares = np.bincount(model.labels, minlength=len(model.classes))[numbers] / len(model.labels)
    scored = score_classes(model.labels, model.probabilities, model.classes, model.answers)
    f1 = float(np.mean([scored[name].f1 for name in classes]))
    return f1, float((samples.f1[:, numbers].mean(axis=1) <= shares.mean()).mean())


def flipped_rows(challenger: TestPredictions, champion: TestPredictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of the rows that only the challenger has right, and of those that only the champion has."""
    right, was_right = (each.answers == each.labels for each in (challenger, champion))
    return np.flatnonzero(right & ~was_right), np.flatnonzero(was_right & ~right)


def _worst_loss(
    metric: Metric,
    challenger: TestPredictions,
    champion: TestPredictions,
    samples: tuple[ClassCounts, ClassCounts],
    significance: float,
) -> Loss:
    labels, num_classes = challenger.labels, len(challenger.classes)
    differs = np.flatnonzero(challenger.answers != champion.answers)
    if metric == "precision":  # told apart for the class that one of them answers
        rows, classes = np.tile(differs, 2), np.concatenate([each.answers[differs] for each in (challenger, champion)])
    else:
        rows = differs[((challenger.answers == labels) | (champion.answers == labels))[differs]]
        classes = labels[rows]
    return worst_loss(
        metric,
        counted=(
            count_rows(labels, challenger.answers, num_classes),
            count_rows(labels, champion.answers, num_classes),
        ),
        samples=samples,
        num_differing=count_groups(challenger.groups, rows, classes=classes, num_classes=num_classes),
        classes=challenger.classes,
        significance=significance,
    )


def _count_differing(challenger: TestPredictions, champion: TestPredictions) -> int:
    rows = np.concatenate(flipped_rows(challenger, champion))
    return len(rows) if challenger.groups is None else len(np.unique(challenger.groups[rows]))


def class_changes(
    challenger: TestPredictions,
    champion: TestPredictions,
    per_class: Callable[..., Mapping[str, ClassScores]] = score_classes,
) -> dict[str, dict[str, float]]:
    """Return by class, or by label where `per_class` scores those, the changes of CLASS_METRICS."""
    new, old = (
        per_class(each.labels, each.probabilities, each.classes, each.answers) for each in (challenger, champion)
    )
    return {
        name: {metric: getattr(new[name], metric) - getattr(old[name], metric) for metric in CLASS_METRICS}
        for name in challenger.classes
    }


def _two_sided(mended: int, broken: int) -> float:
    if not mended + broken:
        return 1.0
    from scipy.stats import binomtest  # takes long to import, and every sweep would wait for it

    return float(binomtest(mended, mended + broken).pvalue)
