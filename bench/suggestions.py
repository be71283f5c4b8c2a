"""How many labels suggestions save: `python -m bench.suggestions POOL TEST [--start N] [--end N] [--seeds N]`.

POOL and TEST are files with the columns text and label. Of the pool a few rows drawn at random have labels at first; in
each round the choice of `thawline suggest`, the rows of the smallest margin alone, or rows drawn at random get theirs.
A regression on frozen MiniLM vectors (scikit-learn's, of one strength, so that rounds differ by their rows alone)
learns from what has a label and is scored by macro-F1 on the test rows. Told are the means over the seeds, the lead
over rows drawn at random with its 95 % interval, and how many random labels come as far. Vectors are computed once.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from bench.label_audit import embed
from bench.label_review import half_interval
from thawline.mending.suggestions import choose_rows
from thawline.mending.worth import margins
from thawline.scores.metrics import score

STRENGTH = 0.01
RANDOM, MARGIN, SUGGESTED = CHOICES = ("random", "smallest margin", "suggested")

Ints = NDArray[np.int64]
Vectors = NDArray[np.float32]


def answer(vectors: Vectors, labels: Ints, asked: Vectors, num_classes: int) -> NDArray[np.float64]:
    """Return probabilities (rows, classes) of rows by what was learned from others; 0 for a class not seen yet."""
    model = LogisticRegression(C=STRENGTH, max_iter=60).fit(vectors, labels)
    told = np.zeros((len(asked), num_classes))
    told[:, model.classes_] = model.predict_proba(asked)
    return told


def play(choice: str, pool: tuple[Vectors, Ints], test: tuple[Vectors, Ints], rounds: range, seed: int) -> list[float]:
    """Return macro-F1 on test rows after each round of a choice; `rounds` are the numbers of labels."""
    vectors, truth = pool
    num_classes = int(max(truth.max(), test[1].max())) + 1
    rng = np.random.default_rng(seed)
    known, scores = rng.permutation(len(truth))[: rounds.start], []
    for _ in rounds:
        asked = np.setdiff1d(np.arange(len(truth)), known)
        told = answer(vectors[known], truth[known], np.concatenate([test[0], vectors[asked]]), num_classes)
        ours, theirs = told[: len(test[1])], told[len(test[1]) :]
        scores.append(score(test[1], ours).f1_macro)
        if choice == RANDOM:
            drawn = rng.permutation(len(asked))[: rounds.step]
        elif choice == MARGIN:
            drawn = np.argsort(margins(theirs), kind="stable")[: rounds.step]
        else:
            unit = vectors[asked] / np.linalg.norm(vectors[asked], axis=1, keepdims=True)
            drawn = choose_rows(unit, unit[:0], num=rounds.step, seed=seed, probabilities=theirs)
        known = np.concatenate([known, asked[drawn]])
    return scores


def needed(score_reached: float, scores: list[float], rounds: range) -> float:
    """Return how many labels it takes to come to a score, by a line between rounds; infinite where none does."""
    best = np.maximum.accumulate(scores)
    return float(np.interp(score_reached, best, rounds)) if score_reached <= best[-1] else np.inf


def main() -> None:
    """Play all choices with every seed, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("test", type=Path)
    for name, value in {"start": 500, "step": 100, "end": 2000, "seeds": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    frames = [pd.read_csv(path, keep_default_na=False) for path in (options.pool, options.test)]
    classes = sorted(set(frames[0]["label"]))
    embedded = [embed(frame["text"].tolist()) for frame in frames]
    centre, spread = embedded[0].mean(axis=0), embedded[0].std(axis=0) + 1e-6
    pool, test = (
        ((vectors - centre) / spread, pd.Categorical(frame["label"], classes).codes.astype(np.int64))
        for vectors, frame in zip(embedded, frames, strict=True)
    )
    rounds = range(options.start, options.end + 1, options.step)
    found = {choice: [play(choice, pool, test, rounds, seed) for seed in range(options.seeds)] for choice in CHOICES}
    print("labels | " + " | ".join(CHOICES) + " | lead of suggested (95 %) | random labels that come as far")
    for place, num in enumerate(rounds):
        means = [np.mean([scores[place] for scores in found[choice]]) for choice in CHOICES]
        pairs = list(zip(found[SUGGESTED], found[RANDOM], strict=True))
        leads = np.array([ours[place] - theirs[place] for ours, theirs in pairs])
        as_far = np.median([needed(ours[place], theirs, rounds) for ours, theirs in pairs])
        told = f"{as_far:,.0f}" if np.isfinite(as_far) else f"over {rounds[-1]:,}"
        print(
            f"{num} | "
            + " | ".join(f"{mean:.4f}" for mean in means)
            + f" | {leads.mean():+.4f} ± {half_interval(leads):.4f} | {told}"
        )


if __name__ == "__main__":
    main()
