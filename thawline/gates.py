"""The gates between a challenger and the champion's place: pure, each with its value, its limit and its verdict.

- Which candidate stands at the gates (fine-tuned or baseline) is decided on cross-validation, never on the test set.
- Only where there is no champion do the thresholds count alone. One that can't be scored refuses every challenger.
- A gain over the champion must be more than chance; accuracy is never bought with precision or recall.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from thawline.comparison import Comparison, TestPredictions, compare
from thawline.metrics import score, score_classes
from thawline.outcome_params import Gates
from thawline.slice_scores import SliceScores, widest_gap

__all__ = ["CrossValidated", "Gate", "TestPredictions", "Unscorable", "choose_candidate", "judge", "summarise"]

UNSCORED = "champion scored"
"""Name of the gate that stands in the place of the comparison where the champion can't be scored."""


class Gate(BaseModel):
    """One gate's verdict; `value` and `limit` are in the unit that `message` names."""

    model_config = ConfigDict(frozen=True)

    name: str
    passed: bool
    value: float
    limit: float
    message: str


class Unscorable(BaseModel):
    """The champion there is, and why its answers on the test rows are not to be had."""

    model_config = ConfigDict(frozen=True)

    version: str
    reason: str


class CrossValidated(BaseModel):
    """Macro-F1 of one approach over the folds, on their training and their validation rows.

    `plain_f1_macro` is that of the most probable classes, as `train_f1_macro` is, where a rule answers others.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    train_f1_macro: float
    f1_macro: float
    plain_f1_macro: float | None = None


def choose_candidate(finetuned: CrossValidated, baselines: Sequence[CrossValidated]) -> CrossValidated:
    """Return the approach with the best cross-validated macro-F1; the fine-tuned one where it ties."""
    return max([finetuned, *baselines], key=lambda approach: approach.f1_macro)


def judge(
    challenger: TestPredictions,
    champion: TestPredictions | Unscorable | None,
    *,
    candidate: CrossValidated,
    rivals: Sequence[CrossValidated],
    limits: Gates,
    slices: Sequence[SliceScores] = (),
) -> list[Gate]:
    """Return every gate's verdict on the challenger.

    Args:
        challenger: Its predictions on the test rows.
        champion: The champion's predictions on the same rows, or why they are not to be had; None while there is none.
        candidate: The challenger's cross-validation.
        rivals: Cross-validation of the approaches that it must at least equal.
        limits: The params section `gates`.
        slices: The challenger's scores by slice of the test rows; none where `validation.slice_columns` names none.
    """
    gates = [
        _floor(challenger, limits),
        _baseline(candidate, rivals),
        _overfitting(candidate, limits),
    ]
    gap = widest_gap(slices)
    if gap is not None:
        gates.append(_slices(*gap, limits))
    if isinstance(champion, Unscorable):
        gates.append(_unscorable(champion))
    elif champion is not None:
        gates += [
            _gain(compare(challenger, champion), limits),
            _kept("precision", challenger, champion, limits.max_precision_loss),
            _kept("recall", challenger, champion, limits.max_recall_loss),
        ]
    return gates


def summarise(gates: Sequence[Gate], candidate: str, *, has_champion: bool) -> str:
    """Return the verdict as a sentence that names what failed.

    Args:
        gates: Every gate's verdict.
        candidate: Name of the candidate.
        has_champion: There is a champion.
    """
    failed = [gate for gate in gates if not gate.passed]
    if failed:
        reasons = "; ".join(gate.message for gate in failed)
        return f"Refused: {candidate} failed {len(failed)} of {len(gates)} gates: {reasons}."
    rule = "the champion on the same test rows" if has_champion else "thresholds only, as there was no champion yet"
    return f"Promoted: {candidate} passed all {len(gates)} gates, judged against {rule}."


def _floor(challenger: TestPredictions, limits: Gates) -> Gate:
    value = score(challenger.labels, challenger.probabilities, challenger.answers).f1_macro
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
    plain = candidate.f1_macro if candidate.plain_f1_macro is None else candidate.plain_f1_macro
    value = candidate.train_f1_macro - plain
    of = "" if candidate.plain_f1_macro is None else " of the most probable class"
    return Gate(
        name="overfitting gap",
        passed=value <= limits.max_overfitting_gap,
        value=value,
        limit=limits.max_overfitting_gap,
        message=f"macro-F1{of} is {value:.4f} higher on training than on validation rows, at most "
        f"{limits.max_overfitting_gap:.4f} allowed",
    )


def _slices(gap: float, best: SliceScores, worst: SliceScores, limits: Gates) -> Gate:
    return Gate(
        name="slice gap",
        passed=gap <= limits.max_slice_gap,
        value=gap,
        limit=limits.max_slice_gap,
        message=f"accuracy is {gap:.4f} lower for {worst.column} = {worst.value!r} ({worst.accuracy:.4f} of "
        f"{worst.num_rows} rows) than for {best.value!r} ({best.accuracy:.4f}), at most {limits.max_slice_gap:.4f} "
        "allowed",
    )


def _unscorable(champion: Unscorable) -> Gate:
    return Gate(
        name=UNSCORED,
        passed=False,
        value=0.0,
        limit=1.0,
        message=f"champion version {champion.version} can't be scored on the test rows ({champion.reason}), so nobody "
        "knows whether the challenger is better; the next run judges again, or a person decides by `thawline promote "
        "VERSION --reason ...`",
    )


def _gain(comparison: Comparison, limits: Gates) -> Gate:
    low, high = comparison.f1_interval
    return Gate(
        name="gain over champion",
        passed=comparison.probability_no_gain <= limits.significance,
        value=comparison.probability_no_gain,
        limit=limits.significance,
        message=f"test macro-F1 changes by {comparison.f1_change:+.4f} ({low:+.4f} to {high:+.4f}) against the "
        f"champion, {comparison.num_mended} rows mended and {comparison.num_broken} broken; probability "
        f"{comparison.probability_no_gain:.3f} that it is no gain, at most {limits.significance:.3f} allowed",
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
    of = predictions
    classes = score_classes(of.labels, of.probabilities, of.classes, of.answers)
    values = {f"class {name!r}": float(getattr(scores, metric)) for name, scores in classes.items()}
    overall = score(of.labels, of.probabilities, of.answers)
    return values | {"the mean over classes": float(getattr(overall, f"{metric}_macro"))}
