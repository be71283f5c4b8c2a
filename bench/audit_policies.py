"""What the label audit's policies bring on rows whose labels are right: `python -m bench.audit_policies [SEEDS]`.

A share of the labels of training mails is flipped; TF-IDF with logistic regression flags rows by its out-of-fold
probabilities, and is then trained with all rows, without the flagged ones, and with them counting `audit.weight`. The
scores are of test mails whose labels nobody flipped, so that they tell what a run can't: there the flagged rows are
scored under the labels that they came with.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import clone

from bench.label_audit import NUM_FOLDS, PARAMS, TEXT, read_mails
from tasks.candidates.estimators import weight_options
from thawline.rows.label_issues import find_label_issues
from thawline.rows.splits import assign_folds
from thawline.scores.metrics import score

ROOT = Path(__file__).resolve().parents[1]
SHARES = (0.0, 0.05, 0.2)
WEIGHTS = {"report": 1.0, "down_weight 0.5": 0.5, "down_weight 0.2": 0.2, "drop": 0.0}


def fit(mails: pd.DataFrame, labels: NDArray[np.int64], weights: NDArray[np.float32]):  # type: ignore[no-untyped-def]
    """Fit the baseline on the rows that count."""
    rows = np.flatnonzero(weights > 0)
    estimator = clone(TEXT.baselines["tfidf_logistic"](PARAMS))
    content = TEXT.baseline_input(mails.iloc[rows])
    return estimator.fit(content, labels[rows], **weight_options(estimator, weights[rows]))


def trial(mails: pd.DataFrame, *, share: float, seed: int) -> dict[str, float]:
    """Return the macro-F1 on right labels, by policy."""
    generator = np.random.default_rng(seed)
    groups = generator.permutation(mails["group"].unique())
    of_test = mails["group"].isin(groups[: len(groups) // 2]).to_numpy()
    train = mails[~of_test].reset_index(drop=True)
    test = mails[of_test]
    truth = (train["label"] == "spam").to_numpy(np.int64)
    flipped = np.isin(np.arange(len(train)), generator.permutation(len(train))[: round(share * len(train))])
    labels = np.where(flipped, 1 - truth, truth)
    named = train.assign(label=np.array(["ham", "spam"], dtype=object)[labels])
    folds = assign_folds(named, num_folds=NUM_FOLDS, seed=0)
    probabilities = np.zeros((len(train), 2))
    for fold in range(NUM_FOLDS):
        fitted = fit(train, labels, (folds != fold).astype(np.float32))
        probabilities[folds == fold] = fitted.predict_proba(TEXT.baseline_input(train[folds == fold]))
    flagged = find_label_issues(labels, probabilities, ["ham", "spam"])["row"].to_numpy(np.int64)
    right = (test["label"] == "spam").to_numpy().astype(np.int64)
    scores = {}
    for policy, weight in WEIGHTS.items():
        weights = np.ones(len(train), dtype=np.float32)
        weights[flagged] = weight
        fitted = fit(train, labels, weights)
        scores[policy] = score(right, fitted.predict_proba(TEXT.baseline_input(test))).f1_macro
    return scores


def main(seeds: range) -> None:
    mails = read_mails(ROOT / "examples" / "spam" / "mails.csv.xz")
    print(f"{len(mails):,} mails, half of them for testing, with right labels; macro-F1, mean of {len(seeds)} seeds\n")
    print(f"| labels flipped | {' | '.join(WEIGHTS)} |\n|{'---|' * (1 + len(WEIGHTS))}")
    for share in SHARES:
        trials = [trial(mails, share=share, seed=seed) for seed in seeds]
        means = [np.mean([each[policy] for each in trials]) for policy in WEIGHTS]
        print(f"| {share:.0%} | {' | '.join(f'{mean:.4f}' for mean in means)} |")


if __name__ == "__main__":
    main(range(int(sys.argv[1]) if len(sys.argv) > 1 else 3))
