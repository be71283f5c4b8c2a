"""All scores of answers with several labels a row, their uncertainty, and the threshold of each label.

Outputs (rows, labels) are the probability of each label by itself. Tests hold all scores equal to scikit-learn's.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from thawline.scores.metrics import HALF, ClassScores, answer_sets, count_hits, name_scores, score_label_sets, share
from thawline.scores.numbers import resampled_sums

Floats = NDArray[np.float64]
Sets = NDArray[Any]


def label_distances(labels: Sets, outputs: NDArray[np.floating]) -> Floats:
    """Return each row's mean squared distance (rows,) between probabilities and what is true: Brier scores."""
    distances: Floats = np.square(labels - outputs.astype(np.float64)).mean(axis=1)
    return distances


def score_each_label(
    labels: Sets, outputs: NDArray[np.floating], names: list[str], answers: Sets | None = None
) -> dict[str, ClassScores]:
    """Score each label by name; arguments as of `score_label_sets`."""
    given = answer_sets(outputs, None) if answers is None else answers > 0
    return name_scores(names, *count_hits(labels > 0, given))


def score_label_sets_fully(
    labels: Sets, outputs: NDArray[np.floating], answers: Sets | None = None
) -> dict[str, float]:
    """Return every score by name; those of `score_label_sets` first.

    `roc_auc` and `pr_auc` (average precision) are means over the labels that some rows have and some have not.
    `hamming_loss` is the share of all labels of all rows that are wrong.
    """
    from sklearn.metrics import average_precision_score, roc_auc_score  # a DVC stage does without

    truth, given = labels > 0, answer_sets(outputs, None) if answers is None else answers > 0
    hits, true, answered = count_hits(truth, given)
    told = np.flatnonzero((true > 0) & (true < len(truth)))
    areas = {
        name: float(np.mean([measure(truth[:, label], outputs[:, label]) for label in told]))
        for name, measure in (("roc_auc", roc_auc_score), ("pr_auc", average_precision_score))
        if len(told)
    }
    scores = score_label_sets(labels, outputs, given).as_dict()
    return {
        "f1_macro": scores.pop("f1_macro"),
        "f1_micro": float(share(2 * hits.sum(keepdims=True), (true + answered).sum(keepdims=True))[0]),
        **scores,
        "hamming_loss": float((truth != given).mean()),
        **areas,
        "brier": float(label_distances(labels, outputs).mean()),
    }


def bootstrap_label_intervals(
    labels: Sets,
    outputs: NDArray[np.floating],
    answers: Sets | None = None,
    *,
    groups: NDArray[np.int64] | None = None,
    num_samples: int,
    seed: int,
    level: float = 0.95,
) -> dict[str, tuple[float, float]]:
    """Return percentile bootstrap intervals (low, high) of the scores that counts give, over groups of rows."""
    truth, given = labels > 0, answer_sets(outputs, None) if answers is None else answers > 0
    right = (truth == given).all(axis=1)
    values = np.column_stack([truth & given, truth, given, right, np.ones(len(truth))]).astype(np.float64)
    sums = resampled_sums(values, groups, num_samples=num_samples, seed=seed)
    hits, true, answered = np.split(sums[:, :-2], 3, axis=1)
    samples = {
        "f1_macro": share(2 * hits, true + answered).mean(axis=1),
        "f1_micro": share(2 * hits.sum(axis=1), (true + answered).sum(axis=1)),
        "accuracy": sums[:, -2] / sums[:, -1],
        "precision_macro": share(hits, answered).mean(axis=1),
        "recall_macro": share(hits, true).mean(axis=1),
    }
    tails = [(1 - level) / 2, (1 + level) / 2]
    return {name: tuple(float(end) for end in np.quantile(found, tails)) for name, found in samples.items()}  # type: ignore[misc]


def fit_thresholds(labels: Sets, outputs: NDArray[np.floating]) -> Floats:
    """Return the threshold (labels,) of each label at which its F1 is best; fit on rows that the model had not seen.

    Macro-F1 is the mean of the labels' F1, so each threshold is found by itself, exactly: F1 is counted at every
    probability there is. Between two probabilities it is the one in the middle; of a label that no row has it is 0.5.
    """
    return np.array([_fit_threshold(labels[:, label] > 0, outputs[:, label]) for label in range(labels.shape[1])])


def _fit_threshold(truth: NDArray[np.bool_], outputs: NDArray[np.floating]) -> float:
    if not truth.any():
        return HALF
    order = np.argsort(-outputs, kind="stable")
    found, hits = outputs[order].astype(np.float64), np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(truth) + 1) + truth.sum())
    is_end = np.append(found[:-1] > found[1:], True)  # rows of one probability are answered together
    f1[~is_end] = -1.0
    last = int(f1.argmax())
    below = found[last + 1] if last + 1 < len(found) else 0.0
    middle = (found[last] + below) / 2
    return float(found[last] if middle <= below else middle)
