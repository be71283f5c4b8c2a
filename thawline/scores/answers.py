"""Which class is answered: the most probable one, or the one that an objective prefers.

A rule is a matrix (classes, classes): the class is answered whose column has the largest sum of probability times
matrix. So weights per class (thresholds, for two classes) are its diagonal, and costs its negative: the least expected
cost wins (Bayes's decision; Elkan 2001, "The Foundations of Cost-Sensitive Learning", section 1). Probabilities stay.
Where rows have several labels, a rule is the threshold (labels,) of each (`label_sets.py`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from thawline.errors import ParamsError
from thawline.scores.metrics import Scores, answers_of, score, score_outputs

MAX_SWEEPS = 20
GAIN = 1e-12
"""A smaller change of macro-F1 is none."""

Rule = NDArray[np.float64]


class RuleEffect(BaseModel):
    """What a rule changes: the objective, the rule in words by class, and scores without and with it.

    `weights` has the weight of each class (1 for the heaviest-used), `costs` the cost of each error by true and
    answered class, `thresholds` the probability from which on each label applies, where rows have several; one of them
    is there. `before` and `after` are scores of out-of-fold rows, each answered by a rule
    that was fitted on the other folds; `test_before` and `test_after` are those of the test rows.
    """

    model_config = ConfigDict(frozen=True)

    objective: str
    weights: dict[str, float] = {}
    costs: dict[str, dict[str, float]] = {}
    thresholds: dict[str, float] = {}
    before: dict[str, float] = {}
    after: dict[str, float] = {}
    test_before: dict[str, float] = {}
    test_after: dict[str, float] = {}


def preferences(probabilities: NDArray[np.floating], rule: Rule | None) -> NDArray[np.float64]:
    """Return what each class (rows, classes) speaks for itself with; the largest is answered."""
    plain = probabilities.astype(np.float64)
    return plain if rule is None else plain @ rule


def answer(probabilities: NDArray[np.floating], rule: Rule | None) -> NDArray[np.int64]:
    """Return the class (rows,) that is answered, the first of equals; without a rule the most probable one."""
    return answers_of(preferences(probabilities, rule))


def fit_weights(labels: NDArray[np.int64], probabilities: NDArray[np.floating]) -> Rule:
    """Return the rule of weights per class whose answers have the best macro-F1.

    Coordinate search: of one class after the other the weight is set to the best of all there are, until none gains.
    For two classes that is the best threshold. Fit on rows that the model was not trained on.

    Args:
        labels: (rows,) true classes.
        probabilities: (rows, classes).

    Returns:
        A diagonal matrix (classes, classes); its entries have a geometric mean of 1.
    """
    num_classes = probabilities.shape[1]
    weights, best = np.ones(num_classes), score(labels, probabilities).f1_macro
    for _ in range(MAX_SWEEPS):
        before = best
        for number in range(num_classes):
            weight, value = _best_weight(labels, probabilities, weights, number)
            if value > best + GAIN:
                weights[number], best = weight, value
        if best <= before + GAIN:
            break
    return np.diag(weights / np.exp(np.log(weights).mean()))


def cost_rule(costs: Mapping[str, Mapping[str, float]], classes: list[str]) -> Rule:
    """Return the rule of the least expected cost; an error whose cost is not named costs 1, a right answer nothing.

    Args:
        costs: By true class and answered class.
        classes: Names of all classes, in their order.

    Raises:
        ParamsError: A name is that of no class.
    """
    named = dict.fromkeys([*costs, *(name for row in costs.values() for name in row)])
    unknown = [name for name in named if name not in classes]
    if unknown:
        raise ParamsError(
            f"predict.costs names {unknown[0]!r}, which is no label of the training rows; there are "
            f"{', '.join(map(repr, classes[:20]))}"
        )
    matrix = 1.0 - np.eye(len(classes))
    for true, row in costs.items():
        for answered, cost in row.items():
            matrix[classes.index(true), classes.index(answered)] = cost
    return -matrix


def measure_answers(
    labels: NDArray[Any], probabilities: NDArray[np.floating], answers: NDArray[Any], rule: Rule
) -> dict[str, float]:
    """Return macro-F1 and accuracy of `answers`, and under a rule of costs the mean cost of a row.

    Accuracy of several labels a row is the share of rows in which all are right.
    """
    scores = score_outputs(labels, probabilities, answers)
    assert isinstance(scores, Scores)  # noqa: S101 - numbers have no rule
    measured = {"f1_macro": scores.f1_macro, "accuracy": scores.accuracy}
    if is_of_costs(rule):
        measured["mean_cost"] = float(-rule[labels, answers].mean())
    return measured


def is_of_costs(rule: Rule) -> bool:
    """Return whether a rule is one of costs; one of weights has them on its diagonal, which costs leave empty."""
    return rule.ndim == 2 and not np.diagonal(rule).any()


def describe_rule(rule: Rule, classes: list[str]) -> dict[str, Any]:
    """Return the field of a `RuleEffect` that says the rule: `weights`, `costs` or `thresholds`."""
    if rule.ndim == 1:
        return {"thresholds": dict(zip(classes, rule.tolist(), strict=True))}
    if not is_of_costs(rule):
        return {"weights": dict(zip(classes, np.diagonal(rule).tolist(), strict=True))}
    rows = zip(classes, (-rule).tolist(), strict=True)
    return {"costs": {true: dict(zip(classes, map(abs, costs), strict=True)) for true, costs in rows}}


def _best_weight(
    labels: NDArray[np.int64], probabilities: NDArray[np.floating], weights: NDArray[np.float64], number: int
) -> tuple[float, float]:
    """Return the weight of class `number` that gives the best macro-F1 while the others stay, and that macro-F1.

    As the weight rises, rows go over to the class one after another, in the order of the weight at which they do.
    Counting along that order gives the score of every weight there is.
    """
    weighted = probabilities * weights
    weighted[:, number] = -1.0
    others = weighted.argmax(axis=1)
    rivals, own = weighted[np.arange(len(labels)), others], probabilities[:, number].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        turns = np.where(own > 0, rivals / own, np.inf)
    order = np.argsort(turns, kind="stable")
    turns, is_hit = turns[order], labels[order] == others[order]
    left = np.eye(len(weights), dtype=np.int64)[others[order]]
    predicted, hits = _remaining(left), _remaining(left * is_hit[:, None])
    predicted[:, number] = np.arange(len(labels) + 1)
    hits[:, number] = np.append(0, np.cumsum(labels[order] == number))
    below = predicted + np.bincount(labels, minlength=len(weights))
    scores = np.divide(2 * hits, below, out=np.zeros(below.shape), where=below > 0).mean(axis=1)
    lower, upper = np.append(0.0, turns), np.append(turns, np.inf)
    scores[~((lower < upper) & (lower < np.inf))] = -1.0  # rows that turn at the same weight turn together
    best = np.flatnonzero(scores >= scores.max() - GAIN)
    candidates = np.array([_between(lower[place], upper[place]) for place in best])
    return float(candidates[np.abs(np.log(candidates / weights[number])).argmin()]), float(scores.max())


def _remaining(left: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return column sums (rows + 1, classes) of what is left after the first 0, 1, 2, ... rows have gone."""
    gone = np.cumsum(left, axis=0)
    return np.concatenate([gone[-1:], gone[-1] - gone])


def _between(lower: float, upper: float) -> float:
    """Return a weight strictly between two at which rows turn: their geometric mean, or half or twice an only one."""
    if lower == 0.0:
        return upper / 2 if np.isfinite(upper) else 1.0
    return 2 * lower if np.isinf(upper) else float(np.exp((np.log(lower) + np.log(upper)) / 2))
