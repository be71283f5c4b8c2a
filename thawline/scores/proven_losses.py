"""What a challenger provably loses of precision or recall: the class whose loss is largest beyond chance.

- Each class is a hypothesis, and the mean over classes one more. One bound holds for all of them at once: the quantile
  of the largest studentised deviation over the bootstrap samples (Romano, Wolf 2005), so that fifty classes are not
  fifty chances to be refused.
- Two rows that half agree are added to each class (Agresti, Min 2005): a class of three rows proves nothing.
- A class in which so few groups are answered differently that even a sign test could not tell them from chance is left
  out of it (Tarone 1990): it can only cost the others power.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from thawline.scores.resampling import ClassCounts

Floats = NDArray[np.floating]
Metric = Literal["precision", "recall"]
Pair = tuple[ClassCounts, ClassCounts]

NUM_ADDED = 2
MEAN = "the mean over classes"


class Loss(BaseModel):
    """The loss of precision or recall that is largest beyond chance: whose, as counted, and what it is at least."""

    model_config = ConfigDict(frozen=True)

    of: str
    loss: float
    at_least: float


def worst_loss(
    metric: Metric,
    *,
    counted: Pair,
    samples: Pair,
    num_differing: NDArray[np.int64],
    classes: list[str],
    significance: float,
) -> Loss:
    """Return the loss of a metric that is largest beyond chance.

    Args:
        metric: Which.
        counted: Challenger and champion on all rows.
        samples: The same on bootstrap samples.
        num_differing: (classes,) groups in which the two are told apart for a class.
        classes: Their names.
        significance: Chance that any of the bounds is too high.
    """
    plain = _losses(metric, counted, added=0)[0]
    seen = np.flatnonzero(0.5**num_differing <= significance)
    if not len(seen):
        worst = int(plain.argmax())
        return Loss(of=f"class {classes[worst]!r}", loss=float(plain[worst]), at_least=0.0)
    rate = _ratio(*_share(metric, counted[1]))
    found = _with_mean(_losses(metric, counted, added=NUM_ADDED, rate=rate), seen)
    deviations = _with_mean(_losses(metric, samples, added=NUM_ADDED, rate=rate), seen) - found
    error = np.maximum(deviations.std(axis=0), 1e-9)
    factor = np.quantile((deviations / error).max(axis=1), 1 - significance)
    bounds = found[0] - factor * error
    worst = int(bounds.argmax())
    names = [*(f"class {classes[number]!r}" for number in seen), MEAN]
    return Loss(of=names[worst], loss=float(_with_mean(plain[None], seen)[0, worst]), at_least=float(bounds[worst]))


def _losses(metric: Metric, models: Pair, *, added: int, rate: Floats | float = 0.0) -> Floats:
    """Return champion minus challenger (samples, classes), each with so many rows `added` of which `rate` are right."""
    new, old = ((hits + added * rate, whole + added) for hits, whole in (_share(metric, each) for each in models))
    return _ratio(*old) - _ratio(*new)


def _with_mean(losses: Floats, seen: NDArray[np.intp]) -> Floats:
    return np.column_stack([losses[:, seen], losses.mean(axis=1)])


def _share(metric: Metric, counts: ClassCounts) -> tuple[Floats, Floats]:
    return counts.hits, counts.answered if metric == "precision" else counts.true


def _ratio(part: Floats, whole: Floats) -> Floats:
    """Divide, 0 by 0 being 0."""
    return np.divide(part, whole, out=np.zeros(whole.shape), where=whole > 0)
