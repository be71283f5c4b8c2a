"""Challenger against champion where numbers are estimated, and the gates in a number's terms.

A gain is one of R², and must be beyond chance in the paired bootstrap over groups; it may not be bought by a rise of
the mean absolute error, which a few far values do not rule.
"""

from collections.abc import Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from thawline.params.outcome import Gates
from thawline.scores.comparison import NUM_BOOTSTRAP_SAMPLES, TestPredictions
from thawline.scores.gates import (
    CrossValidated,
    Gate,
    Unscorable,
    against_gates,
    better_gate,
    floor_gates,
    gain_gate,
    level_of_gain,
    overfitting_gates,
)
from thawline.scores.numbers import Floats, resampled_r2, resampled_sums, score_numbers, squared_errors
from thawline.scores.slice_scores import SliceScores


class NumberComparison(BaseModel):
    """Challenger minus champion; `r2_interval` is the 95 % interval of the paired bootstrap.

    `probability_no_gain` is the share of bootstrap samples in which the challenger's R² is not higher. `mae_loss` is by
    which share of the champion's the mean absolute error provably rises, below 0 where it provably does not.
    `num_closer` test rows are estimated more closely than by the champion, `num_farther` less.
    """

    model_config = ConfigDict(frozen=True)

    r2_change: float
    r2_interval: tuple[float, float]
    mae_change: float
    mae_loss: float
    probability_no_gain: float
    num_closer: int
    num_farther: int


def compare_numbers(
    challenger: TestPredictions, champion: TestPredictions, *, significance: float = 0.1
) -> NumberComparison:
    """Compare two models' estimates of the same rows; arguments as of `comparison.compare`."""
    new, old = (score_numbers(each.labels, each.probabilities) for each in (challenger, champion))
    squares = np.column_stack([squared_errors(each.labels, each.probabilities) for each in (challenger, champion)])
    found = resampled_r2(challenger.labels, squares, challenger.groups, num_samples=NUM_BOOTSTRAP_SAMPLES, seed=0)
    changes = found[:, 0] - found[:, 1]
    low, high = np.quantile(changes, [0.025, 0.975])
    closer = np.sqrt(squares[:, 0]) - np.sqrt(squares[:, 1])
    return NumberComparison(
        r2_change=new.r2 - old.r2,
        r2_interval=(float(low), float(high)),
        mae_change=new.mae - old.mae,
        mae_loss=_proven_rise(np.sqrt(squares), challenger, significance),
        probability_no_gain=float((1 + (changes <= 0).sum()) / (1 + len(changes))),
        num_closer=int((closer < 0).sum()),
        num_farther=int((closer > 0).sum()),
    )


def probability_of_mean(model: TestPredictions) -> float:
    """Return the share of bootstrap samples in which a model is no better than the mean of these rows."""
    squares = squared_errors(model.labels, model.probabilities)[:, None]
    found = resampled_r2(model.labels, squares, model.groups, num_samples=NUM_BOOTSTRAP_SAMPLES, seed=0)
    return float((found <= 0).mean())


def judge_number(
    challenger: TestPredictions,
    against: NumberComparison | Unscorable | None,
    *,
    candidate: CrossValidated,
    limits: Gates,
    slices: Sequence[SliceScores] = (),  # noqa: ARG001 - numbers are not scored by slices
    num_before: float = 0.0,
) -> list[Gate]:
    """Return every gate's verdict on the challenger; arguments as of `gates.judge`."""
    return [
        *floor_gates("R²", score_numbers(challenger.labels, challenger.probabilities).r2, limits.min_r2),
        better_gate("the mean", "always answering the mean has R² 0", probability_of_mean(challenger), limits),
        *overfitting_gates(candidate, limits),
        *against_gates(
            against, lambda found: [_gain(found, limits, num_before), _error_kept(found, limits.max_mae_loss)]
        ),
    ]


def _proven_rise(errors: Floats, challenger: TestPredictions, significance: float) -> float:
    """Return the lower bound of the rise of the mean absolute error, as a share of the champion's."""
    sums = resampled_sums(errors, challenger.groups, num_samples=NUM_BOOTSTRAP_SAMPLES, seed=0)
    rises = np.divide(sums[:, 0], sums[:, 1], out=np.ones(len(sums)), where=sums[:, 1] > 0) - 1
    return float(np.quantile(rises, significance))


def _gain(comparison: NumberComparison, limits: Gates, num_before: float) -> Gate:
    low, high = comparison.r2_interval
    change = (
        f"test R² changes by {comparison.r2_change:+.4f} ({low:+.4f} to {high:+.4f}) against the champion, "
        f"{comparison.num_closer} rows closer and {comparison.num_farther} farther; probability "
        f"{comparison.probability_no_gain:.4f}"
    )
    return gain_gate(change, comparison.probability_no_gain, level_of_gain(limits.significance, num_before))


def _error_kept(comparison: NumberComparison, limit: float) -> Gate:
    proven = max(comparison.mae_loss, 0.0)
    return Gate(
        name="mean error kept",
        passed=proven <= limit,
        value=proven,
        limit=limit,
        message=f"the mean absolute error changes by {comparison.mae_change:+.4g}; a rise by {proven:.1%} of the "
        f"champion's is beyond chance, at most {limit:.1%} allowed",
    )
