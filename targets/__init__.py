"""One file a kind of answer: a module here that holds `TARGET` describes one as a frozen record.

The folder is the registry, as `modalities/` is that of kinds of data: everything that would have to know whether
classes or numbers are learned asks the record. Read `Target` below first, then `classes.py`, and `labels.py` and
`number.py` beside it. Modules are imported when asked for.

What a model gives is one array for all kinds: probabilities (rows, classes) that add up to 1, or (rows, labels) each by
itself, or (rows, 1) for a number. The names of its columns are the record's `outputs`.
"""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from thawline.errors import ParamsError, UsageError
from thawline.formats.decimals import has_decimal_commas
from thawline.params import Params
from thawline.scores.answers import Rule
from thawline.scores.comparison import Comparison, TestPredictions
from thawline.scores.gates import Gate
from thawline.scores.label_comparison import LabelComparison
from thawline.scores.metrics import ClassScores
from thawline.scores.number_comparison import NumberComparison

Labels = NDArray[Any]
Outputs = NDArray[np.float64]


@dataclass(frozen=True)
class Wrong:
    """A row that is answered wrongly: its number, its label and the answer in words, and how probable that was.

    The probability (0 to 1) is None where no single one says it.
    """

    row: int
    label: str
    answered: str
    probability: float | None = None


@dataclass(frozen=True)
class Target:
    """What the line needs to know about a kind of answer; each function is pure."""

    name: str
    """The module's name, as `params.target.kind` says it."""

    main: str
    """The score that decides, higher is better."""

    shown: Mapping[str, str]
    """Scores on the test rows that summaries show, and what people call them; the first two have intervals."""

    folded: Mapping[str, str]
    """Scores on the folds that summaries show, likewise."""

    allowed: Mapping[str, tuple[Any, ...]]
    """Params that mean nothing here, or not any value: those that they may have."""

    defaults: Callable[[Mapping[str, Mapping[str, Any]]], dict[str, dict[str, Any]]]
    """What a new workspace gets by its kind of data, to what it gets with this kind of answer."""

    read: Callable[[pd.Series, Params, bool], pd.Series]
    """Cells of the label column to labels as the line keeps them, text. The last says that commas are decimal signs."""

    outputs: Callable[[pd.Series], list[str]]
    """Training labels to the names of what a model gives for each row."""

    encode: Callable[[pd.Series, list[str]], Labels]
    """Labels to what scores and losses take: class numbers or numbers (rows,), or 1 where a label applies (rows,
    labels). Raises DataRefusedError."""

    columns: Callable[[pd.Series], dict[str, pd.Series]]
    """Labels of prepared rows to columns that rows carry beside them."""

    count: Callable[[pd.Series], Mapping[str, int]]
    """Labels to how many rows there are of each, or of each range, as people read it."""

    tell: Callable[[Mapping[str, int], int], str]
    """Such counts and the number of all rows to a line for people."""

    named: Callable[[pd.Series], pd.Series]
    """Labels to what pages part rows by."""

    profile: Callable[[pd.Series], dict[str, Any]]
    """Labels to what their drift is told from (`thawline/rows/drift.py`)."""

    answer: Callable[[Outputs, Any], Labels]
    """Outputs and the rule of answers, if there is one, to what is answered: class numbers or numbers (rows,), or which
    labels (rows, labels)."""

    fit_rule: Callable[[Labels, Outputs], Rule]
    """Labels and outputs of rows that no model had seen to the rule whose answers have the best main score."""

    align: Callable[[Outputs, Rule | None, Sequence[str], Sequence[str]], tuple[Outputs, Labels]]
    """Outputs, the rule and the outputs' names to outputs and answers under other names: what a model does not know has
    a probability of 0 and is not answered."""

    present: Callable[[Outputs, Labels, Sequence[str], tuple[float, float] | None], dict[str, Any]]
    """Outputs, answers, the outputs' names and the ends of an interval around an answer to the columns of a prediction,
    what is answered first."""

    unit: Callable[[Labels], Any]
    """Labels of the rows learned from to the `models.heads.units.Unit` that networks learn in; None for none."""

    independent: bool
    """Whether each output is by itself, and any number of them may be answered."""

    training: Callable[[Params], dict[str, Any]]
    """Settings of a training that follow from the answer, by their names in `TrainSettings`."""

    head_problem: Callable[..., Any]
    """What solves for a linear head: takes `vectors`, `labels`, `num_outputs`, `weights`, `balanced`."""

    frozen: str
    """Name of the baseline of that head on the frozen encoder."""

    scorecard: Callable[..., dict[str, float]]
    """Labels, outputs and answers, if not those that follow from the outputs, to all scores by name."""

    per_class: Callable[[Labels, Outputs, list[str], Labels], Mapping[str, ClassScores]]
    """Labels, outputs, their names and answers to the scores of each class or label."""

    intervals: Callable[..., dict[str, tuple[float, float]]]
    """The same to bootstrap intervals of scores; takes `groups`, `num_samples`, `seed`."""

    judged: Callable[[Labels, Outputs], tuple[NDArray[np.float64], float]]
    """Labels and outputs to how far each row is off, at the best calibration, and the main score."""

    off: str
    """What people call how far a row is off."""

    interval: Callable[[Labels, Outputs, Params], tuple[float, float] | None]
    """Labels and outputs of rows that no model had seen to by how much the interval around an answer reaches below and
    above it; None for no such thing. Raises DataRefusedError."""

    covered: Callable[[Labels, Outputs, tuple[float, float] | None], dict[str, float]]
    """Labels, outputs and such ends to scores of the interval."""

    fit_shares: Callable[[Labels, Sequence[Outputs]], list[float]]
    """Labels and several models' outputs on rows that they had not seen to the shares of their mixture."""

    compare: Callable[..., Comparison | LabelComparison | NumberComparison]
    """Challenger and champion on the test rows to their comparison; takes `significance`."""

    judge: Callable[..., list[Gate]]
    """See `thawline.scores.gates.judge`."""

    worst: Callable[[TestPredictions, int], list[Wrong]]
    """Predictions to so many rows at most that are wrong, the worst first."""

    purpose: Callable[[Params, Sequence[str]], str]
    """What a model is for, given the names of its outputs: sentences for its card, the last without its full stop."""

    cautions: Callable[[Mapping[str, float]], list[str]]
    """Scores on the test rows to sentences for the card on what a model can't do."""

    rooms: tuple[str, ...]
    """Directories of `expectations/` whose checks labels of this kind have to pass, besides those of the data."""

    has_classes: bool
    """Whether an answer is one of several: label audit, abstention and slices are of those alone."""


def list_targets() -> list[str]:
    """Return the names of all kinds of answer, sorted."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")


def get_target(kind: str) -> Target:
    """Return the kind of answer that the module `targets.<kind>` describes; the params name none but these."""
    target: Target = importlib.import_module(f"{__name__}.{kind}").TARGET
    return target


def target_of(params: Params) -> Target:
    """Return the kind of answer that params ask for."""
    return get_target(params.target.kind)


def read_labels(cells: pd.Series, params: Params, table: pd.DataFrame) -> pd.Series:
    """Return the labels of an owner's table as the line keeps them: text without white space around it.

    Raises:
        UnreadableFileError: A cell holds a list or an object, or numbers are written in contradicting ways.
    """
    return target_of(params).read(cells, params, has_decimal_commas(table))


def default_values(
    given: Mapping[str, Mapping[str, Any]], allowed: Mapping[str, tuple[Any, ...]]
) -> dict[str, dict[str, Any]]:
    """Return what a new workspace gets by its kind of data, by section, without params of which only some are allowed.

    Rows may be alike and end differently.
    """
    kept = {
        section: {key: value for key, value in values.items() if f"{section}.{key}" not in allowed}
        for section, values in given.items()
    }
    kept["clean"] = {**kept.get("clean", {}), "conflicting_labels": "keep"}
    if "space" in kept.get("search", {}):
        space = kept["search"]["space"]
        kept["search"]["space"] = {name: dimension for name, dimension in space.items() if name not in allowed}
    return kept


def require_classes(params: Params, what: str) -> None:
    """Raise if an answer is none of several classes, for work that knows no others yet.

    Raises:
        UsageError: It is not.
    """
    if not target_of(params).has_classes:
        raise UsageError(
            f"{what} knows classes alone, and target.kind is {params.target.kind!r}; `thawline run` scores "
            "baselines and the fine-tuned model on the same folds"
        )


def check_target(params: Params) -> None:
    """Raise if the params ask for something that means nothing to this kind of answer.

    Raises:
        ParamsError: They do.
    """
    for name, values in target_of(params).allowed.items():
        section, key = name.split(".")
        value = getattr(getattr(params, section), key)
        if value not in values:
            raise ParamsError(
                f"{name} ({value}) means nothing to target.kind {params.target.kind!r}; set {name} to "
                f"{' or '.join(str(each) for each in values)}"
            )
