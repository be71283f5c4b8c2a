"""Two runs of the line beside each other: params, data, scores, and the rows that both answered unseen."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

import numpy as np
import pandas as pd
from mlflow.entities import Run
from pydantic import BaseModel, ConfigDict

from targets import get_target
from targets.classes import PROBABILITY
from tasks.judging.past_runs import load_result
from tasks.reports.out_of_fold import load_out_of_fold, probability_columns
from tasks.results.outcomes import RunResult
from tasks.tracking.runs import Tracking
from tasks.versions.version_records import compare_versions
from thawline.errors import DataError, DvcError, UsageError
from thawline.params import Params
from thawline.rows.data_versions import Difference
from thawline.scores.comparison import Comparison, TestPredictions, compare
from thawline.workspace import Workspace

Value = TypeVar("Value")


class RunDifference(BaseModel):
    """What differs from run `before` to run `after`; of params and scores each has a pair, None where one has none.

    `comparison` is of the `num_paired` training rows that both runs' fine-tuned models answered out of fold under the
    same label, `cells` counts those of them that are answered otherwise, as 'label: answer -> answer'. `remarks` say
    what could not be told, and what a reader must know.
    """

    model_config = ConfigDict(frozen=True)

    before: str
    after: str
    verdicts: tuple[str, str]
    params: dict[str, tuple[str | None, str | None]]
    data_versions: tuple[str, str]
    data: Difference | None
    rows: dict[str, tuple[int, int]]
    scores: dict[str, tuple[float | None, float | None]]
    num_paired: int = 0
    comparison: Comparison | None = None
    cells: dict[str, int] = {}
    remarks: list[str] = []


def compare_runs(workspace: Workspace, params: Params, tracking: Tracking, runs: tuple[Run, Run]) -> RunDifference:
    """Tell what differs between two runs that ended with a result, the earlier first.

    Raises:
        UsageError: One of them left none.
    """
    before, after = (_require_result(tracking, run) for run in runs)
    data, remarks = compare_data(workspace, params, before.data_version, after.data_version)
    of_classes = all(get_target(each.target).has_classes for each in (before, after))
    tables = [load_out_of_fold(tracking, run) if of_classes else None for run in runs]
    paired = pair_rows(*tables) if all(table is not None for table in tables) else None  # type: ignore[arg-type]
    if paired is None or not len(paired[0].labels):
        why = (
            "No rows that both answered out of fold are kept" if of_classes else "Numbers are not compared by rows yet"
        )
        remarks.append(f"{why}, so nothing is compared row by row.")
        paired = None
    if before.data_version != after.data_version:
        remarks.append("Scores on the test set are of different test rows where rows were added or removed.")
    return RunDifference(
        before=before.run_id,
        after=after.run_id,
        verdicts=(before.verdict, after.verdict),
        params=compare_params(*runs),
        data_versions=(before.data_version, after.data_version),
        data=data,
        rows={name: (before.rows[name], after.rows[name]) for name in before.rows},
        scores=_pairs(_scores(before), _scores(after)),
        num_paired=0 if paired is None else len(paired[0].labels),
        comparison=None if paired is None else compare(paired[1], paired[0]),
        cells={} if paired is None else count_cells(*paired),
        remarks=remarks,
    )


def pair_rows(before: pd.DataFrame, after: pd.DataFrame) -> tuple[TestPredictions, TestPredictions]:
    """Return both runs' answers to the rows that both have under the same label, in the same order.

    Args:
        before: A run's out-of-fold table: columns row_id, label, predicted and a probability of each class.
        after: As `before`; classes that only one of the two knows are the other's with probability 0.
    """
    known = [set(probability_columns(table).values()) for table in (before, after)]
    classes = sorted(known[0] | known[1])
    merged = before.drop_duplicates("row_id").merge(after.drop_duplicates("row_id"), on=["row_id", "label"])
    numbers = {name: number for number, name in enumerate(classes)}
    labels = merged["label"].astype(str).map(numbers).to_numpy(np.int64)

    def side(suffix: str, own: set[str]) -> TestPredictions:
        def column(name: str) -> pd.Series:
            return merged[f"{name}{suffix}"] if f"{name}{suffix}" in merged else merged[name]

        probabilities = np.zeros((len(merged), len(classes)))
        for name in own:
            probabilities[:, numbers[name]] = column(f"{PROBABILITY}{name}")
        answers = column("predicted").astype(str).map(numbers).to_numpy(np.int64)
        return TestPredictions(labels=labels, probabilities=probabilities, classes=classes, decided=answers)

    return side("_x", known[0]), side("_y", known[1])


def count_cells(before: TestPredictions, after: TestPredictions) -> dict[str, int]:
    """Count the rows that are answered otherwise, by label and both answers, the most frequent first."""
    names = before.classes
    changed = np.flatnonzero(before.answers != after.answers)
    cells = Counter(
        f"{names[before.labels[row]]}: {names[before.answers[row]]} -> {names[after.answers[row]]}" for row in changed
    )
    return dict(cells.most_common())


def _require_result(tracking: Tracking, run: Run) -> RunResult:
    result = load_result(tracking, run)
    if result is None:
        raise UsageError(
            f"run {run.info.run_id} ended {run.info.status} without a result, so there is nothing to compare; "
            "`thawline runs` lists those that have a version"
        )
    return result


def compare_params(before: Run, after: Run) -> dict[str, tuple[str | None, str | None]]:
    """Return the params that differ, None where a run has none, by their names in order."""
    both: tuple[dict[str, str], dict[str, str]] = (before.data.params, after.data.params)
    return {name: pair for name, pair in sorted(_pairs(*both).items()) if pair[0] != pair[1]}


def compare_data(workspace: Workspace, params: Params, before: str, after: str) -> tuple[Difference | None, list[str]]:
    """Return what differs between two versions of the data, None for nothing, and why that can't be told."""
    if before == after:
        return None, []
    try:
        return compare_versions(workspace, params, before, after), []
    except (UsageError, DataError, DvcError) as error:
        return None, [f"What changed in the data can't be told: {error}."]


def _scores(result: RunResult) -> dict[str, float]:
    main = get_target(result.target).main
    baselines = {f"folds, {name}": scores[f"cv_{main}"] for name, scores in result.baseline.items()}
    test = {f"test, {name}": value for name, value in result.metrics.items()}
    return {**baselines, "folds, finetuned": result.cv["mean"], **test}


def _pairs(before: Mapping[str, Value], after: Mapping[str, Value]) -> dict[str, tuple[Value | None, Value | None]]:
    return {name: (before.get(name), after.get(name)) for name in dict.fromkeys([*before, *after])}
