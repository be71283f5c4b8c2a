"""The gates between a challenger and the champion's place: pure, each with its value, its limit and its verdict.

- Which candidate stands at the gates (fine-tuned or baseline) is decided on cross-validation, never on the test set.
- Without a champion only the thresholds count.
- A gain over the champion must be more than chance; accuracy is never bought with precision or recall.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from thawline.metrics import bootstrap_f1_macro, score, score_classes
from thawline.params import Gates

NUM_BOOTSTRAP_SAMPLES = 2000


class Gate(BaseModel):
    """One gate's verdict; `value` and `limit` are in the unit that `message` names."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    value: float
    limit: float
    message: str


class CrossValidated(BaseModel):
    """Macro-F1 of one approach over the folds, on their training and their validation rows."""

    model_config = ConfigDict(frozen=True)

    name: str
    train_f1_macro: float
    f1_macro: float


class TestPredictions(BaseModel):
    """Class probabilities (rows, classes) of one model on the test rows, whose true classes are `labels` (rows,)."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)
    __test__ = False

    labels: NDArray[np.int64]
    probabilities: NDArray[np.floating]
    classes: list[str]


def choose_candidate(finetuned: CrossValidated, baselines: Sequence[CrossValidated]) -> CrossValidated:
    """Return the approach with the best cross-validated macro-F1; the fine-tuned one where it ties."""
    return max([finetuned, *baselines], key=lambda approach: approach.f1_macro)


def judge(
    challenger: TestPredictions,
    champion: TestPredictions | None,
    *,
    candidate: CrossValidated,
    rivals: Sequence[CrossValidated],
    limits: Gates,
) -> list[Gate]:
    """Return every gate's verdict on the challenger.

    Args:
        challenger: Its predictions on the test rows.
        champion: The champion's predictions on the same rows; None while there is none that can be scored.
        candidate: The challenger's cross-validation.
        rivals: Cross-validation of the approaches that it must at least equal.
        limits: The params section `gates`.
    """
    gates = [
        _floor(challenger, limits),
        _baseline(candidate, rivals),
        _overfitting(candidate, limits),
    ]
    if champion is not None:
        gates += [
            _gain(challenger, champion, limits),
            _kept("precision", challenger, champion, limits.max_precision_loss),
            _kept("recall", challenger, champion, limits.max_recall_loss),
        ]
    return gates


def summarise(gates: Sequence[Gate], candidate: str, *, has_champion: bool) -> str:
    """Return the verdict as a sentence that names what failed."""
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        reasons = "; ".join(gate.message for gate in failed)
        return f"Refused: {candidate} failed {len(failed)} of {len(gates)} gates: {reasons}."
    against = "the champion on the same test rows" if has_champion else "thresholds only, as there was no champion yet"
    return f"Promoted: {candidate} passed all {len(gates)} gates, judged against {against}."


def _floor(challenger: TestPredictions, limits: Gates) -> Gate:
    value = score(challenger.labels, challenger.probabilities).f1_macro
    return Gate(
        name="metric floor",
        passed=value >= limits.min_f1_macro,
        value=value,
        limit=limits.min_f1_macro,
        message=f"test macro-F1 {value:.4f}, at least {limits.min_f1_macro:.4f} wanted",
    )


def _baseline(candidate: CrossValidated, rivals: Sequence[CrossValidated]) -> Gate:
    best = max(rivals, key=lambda rival: rival.f1_macro)
    return Gate(
        name="baseline",
        passed=candidate.f1_macro >= best.f1_macro,
        value=candidate.f1_macro,
        limit=best.f1_macro,
        message=f"cross-validated macro-F1 {candidate.f1_macro:.4f} against {best.f1_macro:.4f} of {best.name}",
    )


def _overfitting(candidate: CrossValidated, limits: Gates) -> Gate:
    value = candidate.train_f1_macro - candidate.f1_macro
    return Gate(
        name="overfitting gap",
        passed=value <= limits.max_overfitting_gap,
        value=value,
        limit=limits.max_overfitting_gap,
        message=f"macro-F1 is {value:.4f} higher on training than on validation rows, at most "
        f"{limits.max_overfitting_gap:.4f} allowed",
    )


def _gain(challenger: TestPredictions, champion: TestPredictions, limits: Gates) -> Gate:
    predictions = [challenger.probabilities.argmax(axis=1), champion.probabilities.argmax(axis=1)]
    samples = bootstrap_f1_macro(
        challenger.labels, predictions, len(challenger.classes), num_samples=NUM_BOOTSTRAP_SAMPLES, seed=0
    )
    not_better = float((samples[:, 0] <= samples[:, 1]).mean())
    gain = _f1(challenger) - _f1(champion)
    return Gate(
        name="gain over champion",
        passed=not_better <= limits.significance,
        value=not_better,
        limit=limits.significance,
        message=f"test macro-F1 changes by {gain:+.4f} against the champion; probability {not_better:.3f} that it is "
        f"no gain, at most {limits.significance:.3f} allowed",
    )


def _kept(
    metric: Literal["precision", "recall"], challenger: TestPredictions, champion: TestPredictions, limit: float
) -> Gate:
    new, old = _per_class(metric, challenger), _per_class(metric, champion)
    loss, worst = max((old[name] - new[name], name) for name in old)
    return Gate(
        name=f"{metric} kept",
        passed=loss <= limit,
        value=loss,
        limit=limit,
        message=f"{metric} falls by {loss:.4f} for {worst}, at most {limit:.4f} allowed"
        if loss > 0
        else f"{metric} falls nowhere, at most {limit:.4f} allowed",
    )


def _per_class(metric: str, predictions: TestPredictions) -> Mapping[str, float]:
    classes = score_classes(predictions.labels, predictions.probabilities, predictions.classes)
    values = {f"class {name!r}": float(getattr(scores, metric)) for name, scores in classes.items()}
    overall = score(predictions.labels, predictions.probabilities)
    return values | {"the mean over classes": float(getattr(overall, f"{metric}_macro"))}


def _f1(predictions: TestPredictions) -> float:
    return score(predictions.labels, predictions.probabilities).f1_macro
