"""The rule by which a model answers, in words: what it is, and what it changes."""

from collections.abc import Mapping, Sequence

from tasks.presenting.markdown import escape, table
from thawline.scores.answers import RuleEffect

MAX_SHOWN = 20
NAMES = {"f1_macro": "macro-F1", "accuracy": "accuracy", "mean_cost": "mean cost of a row"}


def tell_rule(effect: RuleEffect) -> str:
    """Return the rule as a sentence."""
    if effect.costs:
        pairs = [
            f"{true} answered as {answered} costs {cost:g}"
            for true, row in effect.costs.items()
            for answered, cost in row.items()
            if true != answered
        ]
        return f"The class of the least expected cost is answered: {_shortened(pairs)}."
    if effect.thresholds:
        pairs = [f"{name} {threshold:.3f}" for name, threshold in effect.thresholds.items()]
        return (
            "A label applies from a probability of its own on, that of its best F1 on out-of-fold rows: "
            f"{_shortened(pairs)}."
        )
    if len(effect.weights) == 2:
        (first, one), (second, other) = effect.weights.items()
        return (
            f"{second} is answered from a probability of {one / (one + other):.4f} on, else {first}: the threshold of "
            "the best macro-F1 on out-of-fold rows."
        )
    pairs = [f"{name} {weight:.3g}" for name, weight in effect.weights.items()]
    return (
        "The class of the largest probability times weight is answered, by the weights of the best macro-F1 on "
        f"out-of-fold rows: {_shortened(pairs)}."
    )


def describe_rule(effect: RuleEffect) -> str:
    """Return the rule as Markdown: a sentence, and a table of what it changes."""
    header = ("rows", "score", plain_answers(effect), "by the rule")
    return f"{escape(tell_rule(effect))}\n\n{table(header, rule_rows(effect))}"


def plain_answers(effect: RuleEffect) -> str:
    """Return what is answered without the rule."""
    return "with 0.5 as threshold" if effect.thresholds else "by the most probable class"


def rule_rows(effect: RuleEffect) -> list[tuple[str, str, str, str]]:
    """Return rows, score, value by the most probable class, and value by the rule, for a table."""
    parts = (("out of fold", effect.before, effect.after), ("test", effect.test_before, effect.test_after))
    return [
        (where, NAMES[name], f"{before[name]:.4f}", f"{after[name]:.4f}")
        for where, before, after in parts
        for name in after
    ]


def rule_metrics(effect: RuleEffect) -> Mapping[str, float]:
    """Return what MLflow keeps of it, by name."""
    parts = (
        ("out_of_fold", effect.before, effect.after),
        ("test", effect.test_before, effect.test_after),
    )
    return {
        f"decision/{where}_{name}_{when}": value
        for where, before, after in parts
        for when, scores in (("most_probable", before), ("by_rule", after))
        for name, value in scores.items()
    }


def brings_nothing(effect: RuleEffect) -> bool:
    """Return whether the objective is no better on out-of-fold rows than that of the most probable class."""
    if effect.costs:
        return effect.after["mean_cost"] >= effect.before["mean_cost"]
    return effect.after["f1_macro"] <= effect.before["f1_macro"]


def _shortened(pairs: Sequence[str]) -> str:
    more = len(pairs) - MAX_SHOWN
    return ", ".join(pairs[:MAX_SHOWN]) + (f" and {more} more" if more > 0 else "")
