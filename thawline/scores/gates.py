"""The gates between a challenger and the champion's place: pure, each with its value, its limit and its verdict.

- Which candidate stands at the gates (fine-tuned or baseline) is decided on cross-validation, never on the test set.
- Only where there is no champion do the thresholds count alone. One that can't be scored refuses every challenger.
- A gain over the champion must be more than chance, and so must a loss of precision or recall that refuses: both by the
  paired bootstrap (`thawline/scores/comparison.py`), with rates of error that `python -m bench.gates` simulates.
- The same test rows judge challenger after challenger: each of one champion's has less of the significance.
"""

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict

from thawline.params.outcome import Gates
from thawline.scores.comparison import Comparison, TestPredictions, probability_of_guessing
from thawline.scores.metrics import score
from thawline.scores.proven_losses import Loss
from thawline.scores.slice_scores import SliceScores, widest_gap

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
    """The score that decides, called `title`, of one approach over the folds, on their training and validation rows.

    `plain_score` is that of the most probable classes, as `train_score` is, where a rule answers others.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    train_score: float
    score: float
    plain_score: float | None = None
    title: str = "macro-F1"


def choose_candidate(finetuned: CrossValidated, baselines: Sequence[CrossValidated]) -> CrossValidated:
    """Return the approach with the best cross-validated score; the fine-tuned one where it ties."""
    return max([finetuned, *baselines], key=lambda approach: approach.score)


def judge(
    challenger: TestPredictions,
    against: Comparison | Unscorable | None,
    *,
    candidate: CrossValidated,
    limits: Gates,
    slices: Sequence[SliceScores] = (),
    num_before: float = 0.0,
) -> list[Gate]:
    """Return every gate's verdict on the challenger.

    Args:
        challenger: Its predictions on the test rows.
        against: Its comparison with the champion, or why there can be none; None while there is no champion.
        candidate: The challenger's cross-validation.
        limits: The params section `gates`.
        slices: The challenger's scores by slice of the test rows; none where `validation.slice_columns` names none.
        num_before: Challengers that these test rows have compared with this champion before.
    """
    value = score(challenger.labels, challenger.probabilities, challenger.answers).f1_macro
    own = [*floor_gates("macro-F1", value, limits.min_f1_macro), _better_than_guessing(challenger, limits)]
    own += overfitting_gates(candidate, limits)
    gap = widest_gap(slices)
    if gap is not None:
        own.append(_slices(*gap, limits))
    return own + against_gates(
        against,
        lambda found: [_gain(found, limits, num_before), *kept_gates(found.precision_loss, found.recall_loss, limits)],
    )


def against_gates(against: Any, compared: Callable[[Any], list[Gate]]) -> list[Gate]:
    """Return the gates of a comparison, what stands in its place where there can be none, or none without a champion.

    Args:
        against: As of `judge`.
        compared: A comparison to its gates.
    """
    if isinstance(against, Unscorable):
        return [_unscorable(against)]
    return [] if against is None else compared(against)


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
    passed = f"all {len(gates)} gates" if len(gates) > 1 else f"the gate '{gates[0].name}'"
    return f"Promoted: {candidate} passed {passed}, judged against {rule}."


def floor_gates(metric: str, value: float, limit: float | None) -> list[Gate]:
    """Return the gate of a score, called `metric`, that has to be reached; none where no limit is set."""
    if limit is None:
        return []
    message = f"test {metric} {value:.4f}, at least {limit:.4f} wanted"
    return [Gate(name="metric floor", passed=value >= limit, value=value, limit=limit, message=message)]


def better_gate(than: str, told: str, value: float, limits: Gates) -> Gate:
    """Return the gate of being better than what does not look at the row.

    Args:
        than: What that is called.
        told: What that scores, in words.
        value: The probability that the test rows show no more than that.
        limits: The params section `gates`.
    """
    return Gate(
        name=f"better than {than}",
        passed=value <= limits.significance,
        value=value,
        limit=limits.significance,
        message=f"{told}; probability {value:.3f} that the test rows show no more than that, at most "
        f"{limits.significance:.3f} allowed",
    )


def _better_than_guessing(challenger: TestPredictions, limits: Gates) -> Gate:
    told = f"guessing by the classes' shares has macro-F1 {1 / len(challenger.classes):.4f}"
    return better_gate("guessing", told, probability_of_guessing(challenger), limits)


def overfitting_gap(candidate: CrossValidated) -> float:
    """Return by how much the score, of the most probable classes, is higher on training than on validation rows."""
    plain = candidate.score if candidate.plain_score is None else candidate.plain_score
    return candidate.train_score - plain


def overfitting_gates(candidate: CrossValidated, limits: Gates) -> list[Gate]:
    """Return the gate of the overfitting gap; none where no limit is set."""
    value, limit = overfitting_gap(candidate), limits.max_overfitting_gap
    if limit is None:
        return []
    message = f"{tell_gap(candidate)}, at most {limit:.4f} allowed"
    return [Gate(name="overfitting gap", passed=value <= limit, value=value, limit=limit, message=message)]


def tell_gap(candidate: CrossValidated) -> str:
    """Return the overfitting gap in words."""
    of = "" if candidate.plain_score is None else " without its rule"
    return f"{candidate.title}{of} is {overfitting_gap(candidate):.4f} higher on training than on validation rows"


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


def level_of_gain(significance: float, num_before: float) -> float:
    """Return the chance at which a gain counts after so many challengers of the same champion on the same rows.

    The n-th has significance / n ** 1.5: together, however many come, at most 2.6 times the significance.
    """
    return float(significance / (1 + num_before) ** 1.5)


def _gain(comparison: Comparison, limits: Gates, num_before: float) -> Gate:
    low, high = comparison.f1_interval
    limit, value = level_of_gain(limits.significance, num_before), _chance_of_no_gain(comparison)
    told = f" of {limits.significance:.3f}, as these test rows have judged {num_before:.1f} challengers of it before"
    change = (
        f"test macro-F1 changes by {comparison.f1_change:+.4f} ({low:+.4f} to {high:+.4f}) against the champion, "
        f"{comparison.num_mended} rows mended and {comparison.num_broken} broken; probability "
        f"{comparison.probability_no_gain:.4f}"
    )
    return gain_gate(change, value, limit, told=f"{told if num_before else ''}{_tell_classes(comparison)}")


def gain_gate(change: str, value: float, limit: float, *, told: str = "") -> Gate:
    """Return the gate of a gain over the champion.

    Args:
        change: What has changed, in words that end with a probability.
        value: The probability that decides.
        limit: What it may be, see `level_of_gain`.
        told: What more is to be said.
    """
    message = f"{change} that it is no gain, at most {limit:.4f} allowed{told}"
    return Gate(name="gain over champion", passed=value <= limit, value=value, limit=limit, message=message)


def _chance_of_no_gain(comparison: Comparison) -> float:
    is_worse = comparison.f1_interval[1] < 0
    return chance_of_no_gain(comparison.probability_no_gain, comparison.probability_unlearned, is_worse=is_worse)


def chance_of_no_gain(no_gain: float, unlearned: float | None, *, is_worse: bool) -> float:
    """Return the probability that there is no gain; to know what is new is one, if nothing is proven to be lost for it.

    Of two ways to gain the better one is taken, so its probability counts twice.

    Args:
        no_gain: Probability that there is none on what both models know.
        unlearned: Probability that what is new was not learned; None where nothing is.
        is_worse: On what both know something is proven to be lost.
    """
    return no_gain if unlearned is None else min(1.0, 2 * min(no_gain, 1.0 if is_worse else unlearned))


def _tell_classes(comparison: Comparison) -> str:
    """Say on which classes both were compared, where they are not all, and whether new ones are learned."""
    told = ""
    if comparison.new_classes:
        told += (
            f"; that is without the rows labelled {_named(comparison.new_classes)}, which the champion does not know: "
            f"there the challenger has F1 {comparison.new_f1:.4f}, with probability "
            f"{comparison.probability_unlearned:.4f} no more than guessing, which counts as a gain, too (the better of "
            f"both, twice: {_chance_of_no_gain(comparison):.4f})"
        )
    if comparison.gone_classes:
        told += f"; no row is labelled {_named(comparison.gone_classes)} any more, so the champion answers otherwise"
    return told


def _named(classes: Sequence[str]) -> str:
    return ", ".join(map(repr, classes))


def kept_gates(precision: Loss | None, recall: Loss | None, limits: Gates) -> list[Gate]:
    """Return the gates of what is proven to be lost of precision and recall; none where that was not measured."""
    losses = (("precision", precision, limits.max_precision_loss), ("recall", recall, limits.max_recall_loss))
    return [_kept(name, loss, limit) for name, loss, limit in losses if loss is not None]


def _kept(metric: str, loss: Loss, limit: float) -> Gate:
    proven = max(loss.at_least, 0.0)
    falls = f"{metric} falls by {loss.loss:.4f} for {loss.of}, of which " if loss.loss > 0 else f"{metric}: "
    return Gate(
        name=f"{metric} kept",
        passed=proven <= limit,
        value=proven,
        limit=limit,
        message=f"{falls}{proven:.4f} is beyond chance, at most {limit:.4f} allowed",
    )
