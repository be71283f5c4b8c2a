"""What a person's look at 200 rows brings: `python -m bench.label_review [SEEDS] [--reviews reviews.csv.gz]`.

5 % of the labels of training rows are flipped, of one class twice as often as of the other. The exact head on frozen
MiniLM features judges each row out of fold and ranks them as `thawline review` does; a simulated reviewer, who knows
the truth, mends the labels of the first 200. The head is then fitted anew and scored on test rows whose labels nobody
flipped; beside it the same without a look, with the flagged rows left out or counting less, with 200 rows drawn at
random mended, and with all labels right. Rows are drawn and flipped by the seed, several times over, as what few labels
bring is small beside what draws differ by; a seed's score is the mean of its draws. Vectors are computed once.
"""

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from bench.label_audit import PARAMS, TEXT, embed
from models.heads.linear import HeadProblem
from thawline.mending.worth import Guesses, rank_questions
from thawline.params.outcome import Audit
from thawline.rows.label_issues import find_label_issues
from thawline.rows.row_ids import row_ids
from thawline.rows.splits import assign_folds
from thawline.scores.metrics import score, standard_error

ROOT = Path(__file__).resolve().parents[1]
SHARE = 0.05
NUM_LOOKED = 200
NUM_FOLDS = 5
NUM_DRAWS = 6
POLICIES = ("nothing", "random 200 mended", "down_weight", "drop", "review of 200", "all labels right")
REVIEW = "review of 200"

Ints = NDArray[np.int64]
Scores = dict[str, float]


@dataclasses.dataclass(frozen=True)
class Rows:
    """Prepared rows with ids and groups, their true class numbers (N,) and frozen vectors (N, D)."""

    frame: pd.DataFrame
    truth: Ints
    vectors: NDArray[np.float32]


def read_rows(path: Path, *, num_rows: int) -> Rows:
    """Return rows of a CSV with the columns text and label, without exact duplicates, some drawn at random."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    frame, _ = TEXT.prepare(frame, PARAMS)
    content = TEXT.normalised(frame)
    frame = frame[(content != "") & ~content.duplicated()].sample(frac=1, random_state=0)[:num_rows]
    frame = frame.reset_index(drop=True)
    groups = TEXT.near_duplicate_groups(frame, PARAMS)
    truth = pd.factorize(frame["label"], sort=True)[0].astype(np.int64)
    return Rows(frame.assign(group=groups, row_id=row_ids(TEXT.canonical(frame))), truth, embed(frame["text"].tolist()))


def flip(truth: Ints, generator: np.random.Generator) -> Ints:
    """Return class numbers of which SHARE are wrong, of the first class twice as often as of the other."""
    weights = np.where(truth == 0, 2.0, 1.0)
    flipped = generator.choice(len(truth), round(SHARE * len(truth)), replace=False, p=weights / weights.sum())
    labels = truth.copy()
    labels[flipped] = 1 - truth[flipped]
    return labels


def fit_and_answer(problem: HeadProblem, frame: pd.DataFrame, learned: Ints, answered: Ints) -> NDArray[np.float64]:
    """Return probabilities of some rows by the exact head fitted to others, its strength chosen on folds of those."""
    parts = assign_folds(frame.iloc[learned], num_folds=NUM_FOLDS, seed=0)
    head = problem.solve(learned, problem.choose_strength(learned, parts))
    return head.probabilities(problem.vectors[0][answered])


def mean_trial(rows: Rows, *, num_train: int, seed: int) -> tuple[Scores, float, int]:
    """Return the mean over a seed's draws: macro-F1 by policy, flipped rows seen; and how many are flipped."""
    trials = [trial(rows, num_train=num_train, seed=100 * seed + draw) for draw in range(NUM_DRAWS)]
    scores = {policy: float(np.mean([one[policy] for one, _, _ in trials])) for policy in POLICIES}
    return scores, float(np.mean([seen for _, seen, _ in trials])), trials[0][2]


def trial(rows: Rows, *, num_train: int, seed: int) -> tuple[Scores, int, int]:
    """Return macro-F1 on test rows by policy, and how many of the flipped rows the reviewer has seen."""
    generator = np.random.default_rng(seed)
    groups = rows.frame["group"].to_numpy()
    order = np.argsort(generator.permutation(groups.max() + 1)[groups], kind="stable")  # near-duplicates stay together
    train, test = order[:num_train], order[num_train:]
    test = test[~np.isin(groups[test], groups[train])]
    labels = rows.truth.copy()
    labels[train] = flip(rows.truth[train], generator)
    frame = rows.frame.assign(label=labels.astype(str))
    problem = HeadProblem(vectors=rows.vectors[None], labels=labels, num_classes=2)
    folds, guessed = assign_folds(frame.iloc[train], num_folds=NUM_FOLDS, seed=0), np.zeros((len(train), 2))
    for fold in range(NUM_FOLDS):
        guessed[folds == fold] = fit_and_answer(problem, frame, train[folds != fold], train[folds == fold])
    names = ["0", "1"]
    seen = train[rank_questions(Guesses(labels[train], guessed, names), num=NUM_LOOKED)["row"].to_numpy(np.int64)]
    flagged = train[find_label_issues(labels[train], guessed, names)["row"].to_numpy(np.int64)]
    drawn = generator.choice(train, NUM_LOOKED, replace=False)
    weights = np.ones(len(labels), dtype=np.float32)
    weights[flagged] = Audit().weight
    tried = {
        "nothing": (problem, train),
        "random 200 mended": (_mended(problem, rows.truth, drawn), train),
        "down_weight": (dataclasses.replace(problem, weights=weights), train),
        "drop": (problem, np.setdiff1d(train, flagged)),
        REVIEW: (_mended(problem, rows.truth, seen), train),
        "all labels right": (_mended(problem, rows.truth, train), train),
    }
    scores = {
        name: score(rows.truth[test], fit_and_answer(one, frame, learned, test)).f1_macro
        for name, (one, learned) in tried.items()
    }
    return scores, int((labels != rows.truth)[seen].sum()), int((labels != rows.truth).sum())


def _mended(problem: HeadProblem, truth: Ints, looked_at: Ints) -> HeadProblem:
    labels = problem.labels.copy()
    labels[looked_at] = truth[looked_at]
    return dataclasses.replace(problem, labels=labels)


def report(name: str, trials: list[tuple[Scores, float, int]], *, num_train: int) -> None:
    """Print a table: each policy's score, its gain over doing nothing, and what the review gains over it."""
    found = np.mean([seen for _, seen, _ in trials])
    print(
        f"\n{name}, {num_train:,} training rows, {trials[0][2]} labels flipped; the reviewer saw {found:.0f} of them\n"
    )
    print("| policy | macro-F1 | gain over nothing (95 %) | the review's gain over it (95 %) |\n|---|---|---|---|")
    values = {policy: np.array([scores[policy] for scores, _, _ in trials]) for policy in POLICIES}
    for policy, each in values.items():
        gain, lead = _interval(each - values["nothing"]), _interval(values[REVIEW] - each)
        print(f"| {policy} | {each.mean():.4f} | {gain} | {lead if policy != REVIEW else ''} |")


def _interval(differences: NDArray[np.float64]) -> str:
    mean, half = differences.mean(), half_interval(differences)
    return f"{mean:+.4f} ({mean - half:+.4f} to {mean + half:+.4f})"


def half_interval(differences: NDArray[np.float64]) -> float:
    """Return by how much the 95 % interval of the mean of differences, one a seed, goes to either side; 0 of one."""
    return (
        float(stats.t.ppf(0.975, len(differences) - 1)) * standard_error(differences) if len(differences) > 1 else 0.0
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="?", type=int, default=5)
    parser.add_argument("--reviews", type=Path)
    chosen = parser.parse_args()
    spam = read_rows(ROOT / "examples" / "spam" / "mails.csv.xz", num_rows=2000)
    sets: dict[str, tuple[Rows, tuple[int, ...]]] = {"spam": (spam, (1000,))}
    if chosen.reviews is not None:
        sets["reviews"] = (read_rows(chosen.reviews, num_rows=6000), (1000, 3000))
    for name, (rows, sizes) in sets.items():
        for num_train in sizes:
            means = [mean_trial(rows, num_train=num_train, seed=seed) for seed in range(chosen.seeds)]
            report(name, means, num_train=num_train)


if __name__ == "__main__":
    main()
