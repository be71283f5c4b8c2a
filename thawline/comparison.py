"""Challenger against champion on the same test rows: by how much, beyond chance or not, for which class, which rows."""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from thawline.metrics import answers_of, bootstrap_f1_macro, score, score_classes

NUM_BOOTSTRAP_SAMPLES = 2000
CLASS_METRICS = ("precision", "recall", "f1")


class TestPredictions(BaseModel):
    """Class probabilities (rows, classes) of one model on the test rows, whose true classes are `labels` (rows,).

    `decided` are the classes (rows,) that its rule answers; without one the most probable are answered.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    __test__ = False

    labels: NDArray[np.int64]
    probabilities: NDArray[np.floating]
    classes: list[str]
    decided: NDArray[np.int64] | None = None

    @property
    def answers(self) -> NDArray[np.int64]:
        """The class (rows,) that each row is answered with."""
        return answers_of(self.probabilities) if self.decided is None else self.decided


class Comparison(BaseModel):
    """Challenger minus champion; `f1_interval` is the 95 % interval of the paired bootstrap.

    `probability_no_gain` is the share of bootstrap samples in which the challenger's macro-F1 is not higher.
    `num_mended` rows only the challenger has right, `num_broken` only the champion; `mcnemar_p` is the two-sided
    probability of so uneven a pair if both were equally good (exact test, McNemar 1947). `per_class` has, by class,
    the change of precision, recall and F1.
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


def compare(challenger: TestPredictions, champion: TestPredictions) -> Comparison:
    """Compare two models' predictions of the same rows."""
    predictions = [each.answers for each in (challenger, champion)]
    samples = bootstrap_f1_macro(
        challenger.labels, predictions, len(challenger.classes), num_samples=NUM_BOOTSTRAP_SAMPLES, seed=0
    )
    changes = samples[:, 0] - samples[:, 1]
    low, high = np.quantile(changes, [0.025, 0.975])
    mended, broken = (len(rows) for rows in flipped_rows(challenger, champion))
    new, old = (score(each.labels, each.probabilities, each.answers) for each in (challenger, champion))
    return Comparison(
        f1_change=new.f1_macro - old.f1_macro,
        f1_interval=(float(low), float(high)),
        accuracy_change=new.accuracy - old.accuracy,
        probability_no_gain=float((changes <= 0).mean()),
        num_mended=mended,
        num_broken=broken,
        mcnemar_p=_two_sided(mended, broken),
        per_class=_class_changes(challenger, champion),
    )


def flipped_rows(challenger: TestPredictions, champion: TestPredictions) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of the rows that only the challenger has right, and of those that only the champion has."""
    right, was_right = (each.answers == each.labels for each in (challenger, champion))
    return np.flatnonzero(right & ~was_right), np.flatnonzero(was_right & ~right)


def _class_changes(challenger: TestPredictions, champion: TestPredictions) -> dict[str, dict[str, float]]:
    new, old = (
        score_classes(each.labels, each.probabilities, each.classes, each.answers) for each in (challenger, champion)
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
