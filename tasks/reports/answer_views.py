"""How each kind of answer looks on a run's pages: its figures, and its comparison with the champion in words.

The counterpart of `targets/` among the reports: a new kind of answer has its view here.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from targets import get_target
from tasks.judging.review import Review
from tasks.presenting.figures import draw_class_balance, draw_confusion
from tasks.presenting.label_figures import draw_each_label, draw_together
from tasks.presenting.markdown import escape, table
from tasks.presenting.number_figures import draw_distribution, draw_predicted_against_true, draw_residuals
from tasks.presenting.score_figures import draw_coverage, draw_curves, draw_reliability
from thawline.scores.comparison import CLASS_METRICS, Comparison, TestPredictions
from thawline.scores.label_comparison import LabelComparison
from thawline.scores.label_sets import score_each_label
from thawline.scores.metrics import confusion
from thawline.scores.number_comparison import NumberComparison

COVERAGE = "Error over coverage"
CHALLENGER = "challenger.html"
"""The page that has challenger and champion beside each other, among the run's artifacts."""


@dataclass(frozen=True)
class AnswerView:
    """What a kind of answer shows."""

    figures: Mapping[str, Callable[[TestPredictions, str], Figure]]
    """By title, what draws predictions of some rows and whose they are; the one of out-of-fold rows first."""

    names: Mapping[str, str]
    """Their files, by title."""

    labels: Callable[[pd.Series, pd.Series], Figure]
    """Labels of train and test to their figure."""

    labels_name: str
    """Its file."""

    out_of_fold: str
    """File of the first figure, drawn of out-of-fold rows."""

    counted: Callable[[Sequence[str]], str]
    """Labels of the training rows to what a person should know of them."""

    told: Callable[[Any], str]
    """A comparison with the champion as a sentence; '' where the page has more of it to show."""

    compared: Callable[[Any, str], str]
    """A comparison with the champion's version, as Markdown."""


def view_of(kind: str) -> AnswerView:
    """Return the view of a kind of answer."""
    return VIEWS[kind]


def _confusion(of: TestPredictions, subject: str) -> Figure:
    counts = confusion(of.labels, of.probabilities, of.answers)
    return draw_confusion(counts, of.classes, f"Confusion matrix of {subject}")


def _curves(of: TestPredictions, subject: str) -> Figure:
    return draw_curves(of.labels, of.probabilities, of.classes, f"ROC and precision-recall of {subject}")


def _reliability(of: TestPredictions, subject: str) -> Figure:
    return draw_reliability(of.labels, of.probabilities, f"Reliability of {subject}")


def _against_true(of: TestPredictions, subject: str) -> Figure:
    return draw_predicted_against_true(of.labels, of.answers, f"Predicted against true, {subject}")


def _residuals(of: TestPredictions, subject: str) -> Figure:
    return draw_residuals(of.labels, of.answers, f"Residuals, {subject}")


def _balance(train: pd.Series, test: pd.Series, *, kind: str) -> Figure:
    count = get_target(kind).count
    return draw_class_balance(count(train), count(test))


def _number_labels(train: pd.Series, test: pd.Series) -> Figure:
    encode = get_target("number").encode
    return draw_distribution(encode(train, []), encode(test, []))


def _each_label(of: TestPredictions, subject: str) -> Figure:
    scores = score_each_label(of.labels, of.probabilities, of.classes, of.answers)
    return draw_each_label(scores, f"Labels, {subject}")


def _together(of: TestPredictions, subject: str) -> Figure:
    return draw_together(of.labels, of.answers, of.classes, f"Labels that go together, {subject}")


def _counted_classes(labels: Sequence[str]) -> str:
    counts = pd.Series(labels).value_counts()
    shown = ", ".join(f"{escape(str(name))} {count:,}" for name, count in counts.head(8).items())
    return shown + (f" and {len(counts) - 8} more classes" if len(counts) > 8 else "")


def _counted_sets(labels: Sequence[str]) -> str:
    target, series = get_target("labels"), pd.Series(labels, dtype="str")
    return escape(target.tell(target.count(series), len(series)))


def _counted_numbers(labels: Sequence[str]) -> str:
    numbers = get_target("number").encode(pd.Series(labels, dtype="str"), [])
    low, middle, high = np.percentile(numbers, [5, 50, 95])
    return f"median {middle:.4g}, nine in ten from {low:.4g} to {high:.4g}"


def _tell_sets(comparison: LabelComparison) -> str:
    low, high = comparison.f1_interval
    return (
        f"Macro-F1 {comparison.f1_change:+.4f} ({low:+.4f} to {high:+.4f}), all labels right "
        f"{comparison.accuracy_change:+.4f}; {comparison.num_mended} labels of rows are mended, "
        f"{comparison.num_broken} broken."
    )


def _compared_sets(comparison: LabelComparison, version: str) -> str:
    changes = _changes("label", comparison.per_label)
    return f"Version {version} on the same test rows: {_tell_sets(comparison)}\n\n{changes}"


def _changes(name: str, changes: Mapping[str, Mapping[str, float]]) -> str:
    rows = [(each, *(f"{own[metric]:+.4f}" for metric in CLASS_METRICS)) for each, own in changes.items()]
    return table((name, "precision", "recall", "F1"), rows)


def _compared_classes(comparison: Comparison, version: str) -> str:
    low, high = comparison.f1_interval
    return (
        f"Version {version} on the same test rows: macro-F1 {comparison.f1_change:+.4f} ({low:+.4f} to {high:+.4f}), "
        f"accuracy {comparison.accuracy_change:+.4f}; {comparison.num_mended} rows mended, {comparison.num_broken} "
        f"broken (McNemar's test: p = {comparison.mcnemar_p:.3f}). Rows: `tables/flipped_rows.json`. Both beside each "
        f"other, with intervals, curves and what differs: artifact `{CHALLENGER}`.\n\n"
        + _changes("class", comparison.per_class)
    )


def _tell_numbers(comparison: NumberComparison) -> str:
    low, high = comparison.r2_interval
    return (
        f"R² {comparison.r2_change:+.4f} ({low:+.4f} to {high:+.4f}), mean absolute error "
        f"{comparison.mae_change:+.4g}; {comparison.num_closer} rows are estimated more closely, "
        f"{comparison.num_farther} less."
    )


def _compared_numbers(comparison: NumberComparison, version: str) -> str:
    return f"Version {version} on the same test rows: {_tell_numbers(comparison)}"


VIEWS: Mapping[str, AnswerView] = {
    "classes": AnswerView(
        figures={"Confusion matrix": _confusion, "ROC and precision-recall": _curves, "Reliability": _reliability},
        names={
            "Confusion matrix": "confusion_test",
            "ROC and precision-recall": "roc_precision_recall",
            "Reliability": "reliability",
            COVERAGE: "error_over_coverage",
        },
        labels=partial(_balance, kind="classes"),
        labels_name="class_balance",
        out_of_fold="confusion_out_of_fold",
        counted=_counted_classes,
        told=lambda _comparison: "",
        compared=_compared_classes,
    ),
    "labels": AnswerView(
        figures={"Labels": _each_label, "Labels that go together": _together},
        names={"Labels": "labels_test", "Labels that go together": "labels_together"},
        labels=partial(_balance, kind="labels"),
        labels_name="label_balance",
        out_of_fold="labels_out_of_fold",
        counted=_counted_sets,
        told=_tell_sets,
        compared=_compared_sets,
    ),
    "number": AnswerView(
        figures={"Predicted against true": _against_true, "Residuals": _residuals},
        names={"Predicted against true": "predicted_against_true", "Residuals": "residuals"},
        labels=_number_labels,
        labels_name="numbers",
        out_of_fold="predicted_out_of_fold",
        counted=_counted_numbers,
        told=_tell_numbers,
        compared=_compared_numbers,
    ),
}


def score_figures(review: Review) -> Mapping[str, Figure]:
    """Return the figures of the candidate's test predictions by title."""
    subject = f"{review.evaluation.name}, test set"
    drawn = view_of(review.target.name).figures
    figures = {title: draw(review.predictions, subject) for title, draw in drawn.items()}
    if review.unseen is not None:
        title = f"{COVERAGE} of {review.evaluation.name}"
        figures[COVERAGE] = draw_coverage(review.unseen, review.sureness, title)
    return figures
