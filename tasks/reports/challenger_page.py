"""Challenger beside champion on one page: matrices, calibration, classes, curves, rows that flipped, what differs."""

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from tasks.judging.review import Review, flipped_table
from tasks.reports.beside import Beside
from tasks.reports.run_difference import count_cells
from thawline.page.charts import heat_map, table
from thawline.page.lines import line_chart
from thawline.page.parts import Panel, Section, Tone, count, shorten
from thawline.page.render import Head, render_sections
from thawline.scores.abstention import Sureness, confidence_of, coverage_curve
from thawline.scores.calibration import measure_reliability
from thawline.scores.comparison import CLASS_METRICS, Comparison, TestPredictions, class_intervals
from thawline.scores.metrics import confusion

MAX_CELLS = 12
"""Classes of which a matrix can show numbers; of more the most frequent confusions are listed."""
MAX_ROWS = 40
MAX_FLIPS = 10


def render_challenger(review: Review, beside: Beside) -> str:
    """Return the page of a candidate that was compared with a champion.

    Raises:
        ValueError: It was not.
    """
    champion, comparison = review.champion, review.judgement.comparison
    if champion is None or not isinstance(comparison, Comparison):
        raise ValueError("there is no champion that the candidate was compared with")
    known = np.array([name not in comparison.new_classes for name in champion.classes])[champion.labels]
    champion, challenger = champion.of_rows(known), review.predictions.of_rows(known)
    both = {
        f"champion, version {review.judgement.champion}": champion,
        f"challenger, {review.evaluation.name}": challenger,
    }
    low, high = comparison.f1_interval
    head = Head(
        f"Challenger beside champion: {review.context.params.name}",
        f"{review.judgement.verdict} Both answered the same {count(len(champion.labels), 'test row')}; the change of "
        f"macro-F1 has a 95 % interval from {low:+.4f} to {high:+.4f}.{_left_out(comparison)}",
        (
            ("macro-F1", f"{comparison.f1_change:+.3f}"),
            ("accuracy", f"{comparison.accuracy_change:+.3f}"),
            ("rows mended", f"{comparison.num_mended:,}"),
            ("rows broken", f"{comparison.num_broken:,}"),
        ),
        all_well="Nothing got worse beyond chance.",
    )
    sections = (
        Section("classes", "Classes", (_classes(challenger, champion, comparison),)),
        Section("matrices", "Confusion matrices", _matrices(both)),
        Section("sureness", "How sure they are", _sureness(both)),
        Section("epochs", "Learning curves", _epochs(tuple(both), beside)),
        Section("rows", "Rows that flipped", _flips(review, challenger, champion)),
        Section("differences", "What differs", _differences(beside)),
    )
    return render_sections(head, sections)


def _classes(challenger: TestPredictions, champion: TestPredictions, comparison: Comparison) -> Panel:
    ends, rows = (
        class_intervals(challenger, champion),
        np.bincount(champion.labels, minlength=len(champion.classes)),
    )
    worse = [name for name in comparison.per_class if any(ends[name][metric][1] < 0 for metric in CLASS_METRICS)]
    ordered = sorted(comparison.per_class, key=lambda name: comparison.per_class[name]["f1"])
    lines = [
        (
            shorten(name),
            f"{rows[champion.classes.index(name)]:,}",
            *(_change(comparison.per_class[name][metric], ends[name][metric]) for metric in CLASS_METRICS),
        )
        for name in ordered[:MAX_ROWS]
    ]
    says = (
        "Change of each class, with its 95 % interval by the paired bootstrap; the largest losses of F1 first"
        f"{_more(ordered, MAX_ROWS)}."
    )
    tone: Tone = "warn" if worse else "good"
    if worse:
        says += (
            f" Worse by at least one score, of each taken alone: {', '.join(map(shorten, worse[:5]))}{_more(worse, 5)}."
        )
    return Panel(
        "Change of each class",
        says,
        tone,
        (table(("Class", "Test rows", "Precision", "Recall", "F1"), lines, numeric=(1, 2, 3, 4)),),
        is_wide=True,
    )


def _matrices(both: Mapping[str, TestPredictions]) -> tuple[Panel, ...]:
    counted = {name: confusion(of.labels, of.probabilities, of.answers) for name, of in both.items()}
    classes = next(iter(both.values())).classes
    if len(classes) <= MAX_CELLS:
        says = "Percent of the rows of a true class (line) by the class answered (column)."
        return tuple(
            Panel(name.capitalize(), says, "plain", (_matrix(name, of, classes),)) for name, of in counted.items()
        )
    before, after = (matrix * (1 - np.eye(len(classes), dtype=np.int64)) for matrix in counted.values())
    places = np.argsort(-(before + after), axis=None, kind="stable")[:MAX_ROWS]
    lines = [
        (shorten(classes[true]), shorten(classes[told]), f"{before[true, told]:,}", f"{after[true, told]:,}")
        for true, told in zip(*np.unravel_index(places, before.shape), strict=True)
        if before[true, told] + after[true, told]
    ]
    says = f"Of {len(classes)} classes the pairs that are confused most, in test rows."
    return (
        Panel(
            "Confusions",
            says,
            "plain",
            (table(("True class", "Answered", "Champion", "Challenger"), lines, numeric=(2, 3)),),
            is_wide=True,
        ),
    )


def _matrix(name: str, counts: NDArray[np.int64], classes: Sequence[str]) -> Markup:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    return heat_map(shares, rows=classes, columns=classes, title=f"Confusion matrix of the {name}")


def _sureness(both: Mapping[str, TestPredictions]) -> tuple[Panel, ...]:
    bins = {name: measure_reliability(of.labels, of.probabilities) for name, of in both.items()}
    errors = ", ".join(f"{name} {of.expected_error:.4f}" for name, of in bins.items())
    reliable = line_chart(
        {name: (of.confidence, of.accuracy) for name, of in bins.items()},
        x_name="mean probability of the class",
        y_name="share that is right",
        title="Reliability of both",
    )
    covered = {
        name: coverage_curve(Sureness(confidence_of(of.probabilities, of.answers), of.answers != of.labels, of.labels))
        for name, of in both.items()
    }
    curves = line_chart(
        covered,
        x_name="share of the rows that is answered",
        y_name="share that is wrong",
        title="Error over coverage of both",
    )
    return (
        Panel("Calibration", f"Expected calibration error: {errors}.", "plain", (reliable,)),
        Panel("Error over coverage", "What is wrong where only the surest rows are answered.", "plain", (curves,)),
    )


def _epochs(names: tuple[str, ...], beside: Beside) -> tuple[Panel, ...]:
    kept = {
        name: epochs for name, epochs in zip(names, beside.epochs, strict=True) if epochs is not None and len(epochs)
    }
    if not kept:
        return ()
    says = "Of the fine-tuned models, mean over the folds."
    return tuple(Panel(column, says, "plain", (_curve(column, kept),)) for column in ("Validation Loss", "F1-Score"))


def _curve(column: str, epochs: Mapping[str, pd.DataFrame]) -> Markup:
    series = {
        name: (each["Epoch"].to_numpy(np.float64), pd.to_numeric(each[column]).to_numpy(np.float64))
        for name, each in epochs.items()
    }
    return line_chart(series, x_name="epoch", y_name=column.lower(), title=f"{column} by epoch")


def _flips(review: Review, challenger: TestPredictions, champion: TestPredictions) -> tuple[Panel, ...]:
    flips, cells = _known_flips(review, champion), count_cells(champion, challenger)
    lines = [(shorten(cell, 120), f"{number:,}") for cell, number in list(cells.items())[:MAX_ROWS]]
    says = f"True class: champion's answer -> challenger's answer{_more(list(cells), MAX_ROWS)}."
    panels = (
        [
            Panel(
                "Answers that changed",
                says,
                "plain",
                (table(("Cell", "Test rows"), lines, numeric=(1,)),),
                is_wide=True,
            )
        ]
        if lines
        else []
    )
    for change in ("broken", "mended"):
        rows = (
            []
            if flips is None
            else flips[flips["change"] == change].sort_values("label", kind="stable").to_dict("records")
        )
        if rows:
            shown = [
                (
                    row["row_id"],
                    shorten(row["label"]),
                    _told(row, "champion"),
                    _told(row, "challenger"),
                    shorten(row["content"], 200),
                )
                for row in rows[:MAX_FLIPS]
            ]
            columns = ("Row", "True class", "Champion", "Challenger", "Content")
            panels.append(
                Panel(
                    f"Rows {change}",
                    f"{count(len(rows), 'row')}{_more(rows, MAX_FLIPS)}; all: tables/flipped_rows.json.",
                    "plain",
                    (table(columns, shown),),
                    is_wide=True,
                )
            )
    return tuple(panels)


def _known_flips(review: Review, champion: TestPredictions) -> pd.DataFrame | None:
    flips = flipped_table(review)
    return None if flips is None else flips[~flips["label"].isin(champion.new_classes)]


def _differences(beside: Beside) -> tuple[Panel, ...]:
    lines = [
        (name, shorten("" if old is None else old, 80), shorten("" if new is None else new, 80))
        for name, (old, new) in beside.params.items()
    ]
    says = f"{count(len(lines), 'param')} differ{'s' if len(lines) == 1 else ''}." if lines else "The same params."
    params = Panel(
        "Params", says, "plain", (table(("Param", "Champion's run", "This run"), lines),) if lines else (), is_wide=True
    )
    data = beside.data
    if data is None:
        told, pictures = " ".join(beside.remarks) or "The same version of the data.", tuple[Markup, ...]()
    else:
        told = (
            f"{data.before} to {data.after}: {data.added:,} rows added, {data.removed:,} removed, {data.relabelled:,} "
            "under another label."
        )
        classes = [
            (shorten(name), f"{old:,}", f"{new:,}") for name, (old, new) in list(data.classes.items())[:MAX_ROWS]
        ]
        pictures = (table(("Class", "Rows before", "Rows now"), classes, numeric=(1, 2)),)
    return params, Panel("Data", told, "plain", pictures, is_wide=True)


def _left_out(comparison: Comparison) -> str:
    names = ", ".join(map(shorten, comparison.new_classes))
    return f" Rows labelled {names} are left out, as the champion does not know them." if names else ""


def _change(change: float, ends: tuple[float, float]) -> str:
    return f"{change:+.4f} ({ends[0]:+.4f} to {ends[1]:+.4f})"


def _told(row: Mapping[Hashable, Any], who: str) -> str:
    return f"{shorten(row[who])} ({row[f'{who}_probability']:.3f})"


def _more(all_of_them: Sequence[object], most: int) -> str:
    return f" (the first {most} of {len(all_of_them):,})" if len(all_of_them) > most else ""
