"""Who stands where after the tournament: ranks, wins beyond noise, and what they took. It measures nothing.

On a set, two sides differ beyond noise if the interval of their difference in macro-F1 (95 %, paired bootstrap over
groups of near-duplicates, all rows of both folds) leaves out nought. Over sets, Wilcoxon's signed-rank test says
whether one is better than the other (Demsar, JMLR 2006).
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata, wilcoxon

from bench.peers import PEERS
from bench.peers.protocol import Ints
from bench.sides import BLEND, OURS, PROBABILITY_SCORES
from bench.tournament import FACTS, ROWS
from thawline.scores.resampling import resample

FROZEN, ANSWER = f"{OURS}_frozen_logistic", f"{OURS}_{BLEND}"
FINE_TUNING = (OURS, *(peer.name for peer in PEERS if peer.fine_tunes))
NUM_SAMPLES = 2000
BETTER, WORSE = "+", "-"

INTRODUCTION = """Two folds a set: half of the rows are learned from, all of them judge. A + stands where Thawline's
fine-tuned model is better than that side beyond noise, a - where it is worse (95 %, paired bootstrap over the rows).
The sets are opened as `thawline init` would open them, texts cut at 128 tokens at most for all sides; *depth* is how
many layer groups the scout found to pay, 0 the head alone, which the frozen encoder's own is. Ranks are among sides
that fine-tune, on the sets that each took part in; p is that of Wilcoxon's test over these sets."""
OF_TABLES = """Two folds a set: half of the rows are learned from, all of them judge, 2,000 at most. No default was
chosen on any of these tables. *Thawline, as it answers* is what a run has beside its candidates: the mixture of
logistic regression, gradient boosting and the network, answered by the threshold (weights, of more classes) of the best
macro-F1 on out-of-fold rows, which `thawline init` asks for where the data is a table. A + stands where that is better
than the side beyond noise, a - where it is worse (95 %, paired bootstrap over the rows). AutoGluon tunes its threshold,
too; of scikit-learn's boosting both are shown. Ranks are among that and the peers; *difference* is in macro-F1, those
in log loss and AUC stand beside (ours less the side's, the mean over the sets); p is that of Wilcoxon's test over the
sets."""
INTRODUCTIONS = {OURS: INTRODUCTION, ANSWER: OF_TABLES}


@dataclass(frozen=True)
class Played:
    """What the sides came to on a set: `answers` (rows,) by side, -1 nowhere, and each side's figures.

    `own` is the side that others are compared with: the fine-tuned model, or what a run answers with.
    """

    name: str
    facts: Mapping[str, Any]
    machine: Mapping[str, Any]
    labels: Ints
    groups: Ints
    answers: Mapping[str, Ints]
    figures: Mapping[str, Mapping[str, Any]]
    own: str = OURS

    def f1_macro(self, side: str) -> float:
        """Return the mean over the folds."""
        return float(statistics.mean(self.figures[side]["f1_macro"]))

    @cached_property
    def signs(self) -> dict[str, str]:
        """How `own` stands beside each other side, see `compare`."""
        return {side: self.compare(self.own, side) for side in self.answers if side != self.own}

    def compare(self, one: str, other: str) -> str:
        """Return BETTER or WORSE, as `one` is beside `other` beyond noise, '' if it is neither."""
        both = [self.answers[one], self.answers[other]]
        num_classes = self.facts["num_classes"]
        counts = resample(self.labels, both, num_classes, groups=self.groups, num_samples=NUM_SAMPLES, seed=0)
        differences = np.subtract(*(each.f1.mean(axis=1) for each in counts))
        low, high = np.quantile(differences, [0.025, 0.975])
        return BETTER if low > 0 else WORSE if high < 0 else ""


def load_played(place: Path, own: str = OURS) -> list[Played]:
    """Return the sets that were played on, in the order of their names."""
    return [_load(path.parent, own) for path in sorted(place.glob(f"*/{FACTS}"))]


def _load(directory: Path, own: str) -> Played:
    answers = {path.stem: np.load(path) for path in directory.glob("*.npy")}
    with np.load(directory / ROWS) as rows:
        labels, groups = rows["labels"], np.unique(rows["groups"], return_inverse=True)[1]
    figures = {side: json.loads((directory / f"{side}.json").read_text()) for side in answers}
    told = json.loads((directory / FACTS).read_text())
    return Played(directory.name, told["facts"], told["machine"], labels, groups, answers, figures, own)


def standings(sets: Sequence[Played], work: str) -> str:
    """Return both tables of a tournament: every side on every set, and every side over all sets."""
    own = [played for played in sets if played.own in played.answers]
    if not own:
        return f"Not measured yet: `python -m bench {work}`.\n"
    return "\n".join([INTRODUCTIONS[own[0].own], "", scores_table(own), "", summary_table(own), ""])


def scores_table(sets: Sequence[Played]) -> str:
    """Return macro-F1 by set and side."""
    titles = _titles(sets)
    lines = [f"| set | rows | classes | depth | {' | '.join(titles.values())} |", "|---" * (4 + len(titles)) + "|"]
    for played in sets:
        cells = [_cell(played, side) for side in titles]
        depth = played.figures[OURS]["more"].get("depth", "")
        start = f"{played.name} | {played.facts['num_rows']:,} | {played.facts['num_classes']} | {depth}"
        lines.append(f"| {start} | {' | '.join(cells)} |")
    return "\n".join(lines)


def summary_table(sets: Sequence[Played]) -> str:
    """Return, of every side over its sets: rank, how Thawline's fine-tuned model stands beside it, and seconds."""
    lines = [
        "| side | sets | rank | Thawline better, level, worse | difference | p | log loss | AUC | times our seconds |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    ranks, played_own = average_ranks(sets), sets[0].own
    for side, title in _titles(sets).items():
        there = [played for played in sets if side in played.answers]
        rank = f"{ranks[side]:.2f}" if side in ranks else ""
        if side == played_own:
            lines.append(f"| {title} | {len(there)} | {rank} | | | | | | 1.0 |")
            continue
        signs = [played.signs[side] for played in there]
        counts = ", ".join(str(signs.count(sign)) for sign in (BETTER, "", WORSE))
        differences = [played.f1_macro(played.own) - played.f1_macro(side) for played in there]
        chance = f"{wilcoxon(differences).pvalue:.3f}" if any(differences) else ""
        ratios = [ratio for played in there if (ratio := _ratio(played, side)) is not None]
        took = f"{statistics.median(ratios):.1f}" if ratios else ""
        mean = f"{statistics.mean(differences):+.4f}"
        more = " | ".join(_mean_difference(there, side, score) for score in PROBABILITY_SCORES)
        lines.append(f"| {title} | {len(there)} | {rank} | {counts} | {mean} | {chance} | {more} | {took} |")
    return "\n".join(lines)


def average_ranks(sets: Sequence[Played]) -> dict[str, float]:
    """Return the mean rank of each side, 1 the best; sides that are level share theirs.

    Where OURS is compared, among sides that fine-tune; where its answer is, among that and all peers.
    """
    found: dict[str, list[float]] = {}
    for played in sets:
        ranked = FINE_TUNING if played.own == OURS else (played.own, *(peer.name for peer in PEERS))
        sides = [side for side in ranked if side in played.answers]
        if len(sides) > 1:
            for side, rank in zip(sides, rankdata([-played.f1_macro(side) for side in sides]), strict=True):
                found.setdefault(side, []).append(float(rank))
    return {side: statistics.mean(ranks) for side, ranks in found.items()}


def _titles(sets: Sequence[Played]) -> dict[str, str]:
    """Return the titles of the sides that are shown: ours, and the peers in their order."""
    named = {OURS: "Thawline", FROZEN: "its encoder frozen", ANSWER: "Thawline, as it answers"}
    named |= {peer.name: peer.title for peer in PEERS}
    return {side: title for side, title in named.items() if any(side in played.answers for played in sets)}


def _cell(played: Played, side: str) -> str:
    if side not in played.answers:
        return ""
    sign = played.signs.get(side)
    return f"{played.f1_macro(side):.4f}{f' {sign}' if sign else ''}"


def _mean_difference(sets: Sequence[Played], side: str, score: str) -> str:
    """Return by how much ours is above a side in a score of probabilities, '' where one of both tells none."""
    both = [[played.figures[one]["more"].get(score) for one in (played.own, side)] for played in sets]
    told = [statistics.mean(own) - statistics.mean(other) for own, other in both if own and other]
    return f"{statistics.mean(told):+.4f}" if told else ""


def _ratio(played: Played, side: str) -> float | None:
    took, own = (played.figures[one].get("processor_seconds") for one in (side, played.own))
    return took / own if took and own else None
