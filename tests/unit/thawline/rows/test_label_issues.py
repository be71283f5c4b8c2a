"""Labels that were flipped are found among the most suspicious rows, the worst first."""

import numpy as np

from thawline.rows.label_issues import find_label_issues


def flipped_rows(num_rows: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return labels of three classes, 20 of them wrong, probabilities that know the truth, and the wrong rows."""
    generator = np.random.default_rng(0)
    truth = generator.integers(0, 3, size=num_rows)
    wrong = generator.permutation(num_rows)[:20]
    labels = truth.copy()
    labels[wrong] = (truth[wrong] + 1) % 3
    strength = generator.uniform(0.7, 0.99, size=num_rows)
    probabilities = np.repeat(((1 - strength) / 2)[:, None], 3, axis=1)
    probabilities[np.arange(num_rows), truth] = strength
    return labels.astype(np.int64), probabilities, wrong


def test_wrong_labels_are_flagged_with_the_right_one_suggested_and_the_worst_first() -> None:
    labels, probabilities, wrong = flipped_rows()
    issues = find_label_issues(labels, probabilities, ["a", "b", "c"])
    assert set(issues["row"]) <= set(wrong)
    assert len(issues) >= 0.9 * len(wrong)
    assert issues["score"].is_monotonic_increasing
    assert (issues["given"] != issues["suggested"]).all()
    first = issues.iloc[0]
    assert first["suggested"] == "abc"[int(probabilities[first["row"]].argmax())]


def test_labels_that_all_agree_flag_nothing() -> None:
    _, probabilities, _ = flipped_rows()
    assert find_label_issues(probabilities.argmax(axis=1), probabilities, ["a", "b", "c"]).empty
