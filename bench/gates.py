"""How often the gates are right, from models that are drawn: `python -m bench.gates`.

A champion and a challenger are drawn so that it is known which is better. Classes are unequal (the rarest has a fifth
of the rows of the most frequent), a fifth of the rows lie in groups of four near-duplicates that are answered alike,
and the challenger answers half of the rows as the champion does, whatever that is.

- equal: the same recall of every class; better: 5 points more of every class; worse: accuracy that is bought, 10 points
  less of one class of middling size and 3 points more of all others.
- Rows are test rows. `point` is the rule of before: refused where a class loses more than 0.02 as counted.
- The second table lets equal challengers come one after the other, each against who is champion then, on the same test
  rows, with the significance divided by their number and without; and a better one after so many equal ones.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tasks.judging.verdict import LOSS_FACTOR
from thawline.params.outcome import Gates
from thawline.scores.comparison import Comparison, TestPredictions, compare
from thawline.scores.gates import CrossValidated, judge, level_of_gain
from thawline.scores.metrics import score_classes

SIZES, CLASSES = (100, 300, 1000, 5000), (2, 10, 50)
KINDS = {"equal": (0.0, 0.0), "better": (0.05, 0.05), "worse": (0.03, -0.10)}
COPIED, GROUPED, GROUP = 0.5, 0.2, 4
LOW, HIGH = 0.7, 0.9
NUM_TRIES = 20
LIMITS = Gates(min_f1_macro=0.0)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class TestSet:
    """Rows by class and group, and how often the champion is right, for each class."""

    labels: Ints
    groups: Ints
    recall: NDArray[np.float64]

    @property
    def num_classes(self) -> int:
        """How many classes there are."""
        return len(self.recall)


def draw_test_set(num_rows: int, num_classes: int, rng: np.random.Generator) -> TestSet:
    """Draw rows of unequal classes, some of them in groups."""
    grouped = round(num_rows * GROUPED / GROUP)
    sizes = np.r_[np.full(grouped, GROUP), np.ones(num_rows - grouped * GROUP, np.int64)]
    shares = np.linspace(5, 1, num_classes)
    of_group = rng.choice(num_classes, len(sizes), p=shares / shares.sum())
    of_group[:num_classes] = rng.permutation(num_classes)[: len(of_group)]  # each class has a row
    groups = np.repeat(np.arange(len(sizes)), sizes)
    return TestSet(of_group[groups], groups, rng.uniform(LOW, HIGH, num_classes))


def draw_answers(rows: TestSet, recall: NDArray[np.float64], rng: np.random.Generator) -> Ints:
    """Draw a model's answers, alike within a group."""
    first = np.unique(rows.groups, return_index=True)[1]
    labels = rows.labels[first]
    wrong = (labels + rng.integers(1, rows.num_classes, len(labels))) % rows.num_classes
    answers = np.where(rng.random(len(labels)) < recall[labels], labels, wrong)
    return answers[rows.groups]


def draw_challenger(rows: TestSet, champion: Ints, kind: str, rng: np.random.Generator) -> Ints:
    """Draw a challenger that answers some groups as the champion does; over all it is as much better as `kind` says."""
    everywhere, one = KINDS[kind]
    gain = np.full(rows.num_classes, everywhere)
    gain[rows.num_classes // 2] = one
    own = draw_answers(rows, np.clip(rows.recall + gain / (1 - COPIED), 0, 1), rng)
    copies = rng.random(rows.groups.max() + 1) < COPIED
    return np.where(copies[rows.groups], champion, own)


def as_predictions(rows: TestSet, answers: Ints) -> TestPredictions:
    """Return answers as the gates take them."""
    names = [str(number) for number in range(rows.num_classes)]
    return TestPredictions(
        labels=rows.labels, probabilities=np.eye(rows.num_classes)[answers], classes=names, groups=rows.groups
    )


def measure(num_rows: int, num_classes: int, kind: str, repeats: int) -> dict[str, float]:
    """Return how often such a challenger passes all gates, gain and losses apart, and the rule of before."""
    rng = np.random.default_rng([num_rows, num_classes, list(KINDS).index(kind)])
    passed = []
    for _ in range(repeats):
        rows = draw_test_set(num_rows, num_classes, rng)
        old = draw_answers(rows, rows.recall, rng)
        new = draw_challenger(rows, old, kind, rng)
        challenger, champion = as_predictions(rows, new), as_predictions(rows, old)
        found = compare(challenger, champion, significance=LOSS_FACTOR * LIMITS.significance)
        kept = _passes(challenger, found, {"precision kept", "recall kept"})
        gain = _passes(challenger, found, {"gain over champion"})
        passed.append((gain and kept, gain, kept, _kept_by_points(challenger, champion)))
    return dict(zip(("all", "gain", "kept", "point"), np.mean(passed, axis=0).tolist(), strict=True))


def measure_repeated(num_rows: int, num_classes: int, repeats: int) -> dict[str, float]:
    """Return how often equal challengers get the champion's place within some tries, and a better one afterwards."""
    rng = np.random.default_rng([num_rows, num_classes, 99])
    counts = dict.fromkeys(("divided", "undivided", "better at once", f"better after {NUM_TRIES}"), 0)
    for _ in range(repeats):
        rows = draw_test_set(num_rows, num_classes, rng)
        old = draw_answers(rows, rows.recall, rng)
        values = [_no_gain(rows, draw_challenger(rows, old, "equal", rng), old) for _ in range(NUM_TRIES)]
        better = _no_gain(rows, draw_challenger(rows, old, "better", rng), old)
        level = LIMITS.significance
        counts["divided"] += any(value <= level_of_gain(level, number) for number, value in enumerate(values))
        counts["undivided"] += any(value <= level for value in values)
        counts["better at once"] += better <= level
        counts[f"better after {NUM_TRIES}"] += better <= level_of_gain(level, NUM_TRIES)
    return {name: count / repeats for name, count in counts.items()}


def _no_gain(rows: TestSet, new: Ints, old: Ints) -> float:
    return compare(as_predictions(rows, new), as_predictions(rows, old)).probability_no_gain


def _passes(challenger: TestPredictions, found: Comparison, names: set[str]) -> bool:
    alike = CrossValidated(name="drawn", train_score=1.0, score=1.0)
    gates = judge(challenger, found, candidate=alike, limits=LIMITS)
    return all(gate.passed for gate in gates if gate.name in names)


def _kept_by_points(challenger: TestPredictions, champion: TestPredictions) -> bool:
    new, old = (score_classes(each.labels, each.probabilities, each.classes) for each in (challenger, champion))
    lost = [
        getattr(old[name], metric) - getattr(new[name], metric) for name in old for metric in ("precision", "recall")
    ]
    return bool(max(lost) <= LIMITS.max_recall_loss)


def _lines(repeats: int) -> Iterator[str]:
    yield "| rows | classes | challenger | passes all | gain | precision and recall kept | kept by points (before) |"
    yield "|---|---|---|---|---|---|---|"
    for num_rows in SIZES:
        for num_classes in CLASSES:
            for kind in KINDS:
                found = measure(num_rows, num_classes, kind, repeats)
                shown = " | ".join(f"{found[name]:.0%}" for name in ("all", "gain", "kept", "point"))
                yield f"| {num_rows:,} | {num_classes} | {kind} | {shown} |"
    yield ""
    yield "| rows | classes | one of 20 equal ones passes | without division | a better one passes at once | after 20 |"
    yield "|---|---|---|---|---|---|"
    for num_rows in SIZES[:-1]:
        for num_classes in CLASSES[:-1]:
            found = measure_repeated(num_rows, num_classes, max(20, repeats // 2))
            yield f"| {num_rows:,} | {num_classes} | {' | '.join(f'{value:.0%}' for value in found.values())} |"


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.gates", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=100, help="challengers drawn for each line")
    started = time.perf_counter()
    for line in _lines(parser.parse_args().repeats):
        print(line, flush=True)
    print(f"\n{time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()
