"""Predicting with a registered model: chunk by chunk, so that memory does not grow with the source."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from prefect import task

from modalities import get_modality
from modalities.predictor import NO_ANSWER, Predictor
from tasks.caching import NO_CACHE, retry_transient
from tasks.judging.keeping import Watched, keeping
from tasks.tracking.runs import Tracking, load_registered, service_errors
from tasks.training.device_slots import device_slot
from thawline.errors import ServiceError, UsageError
from thawline.formats.decimals import notes_by_column, refuse_mixed
from thawline.formats.frame_writers import writing_frames
from thawline.formats.tables import Chunk
from thawline.params import Params
from thawline.system.console import console, percentage
from thawline.workspace import Workspace

PROBLEM = "problem"
"""Column of what of a row was not read, or may have been misread; '' for nothing."""
VERSION = "model_version"
ANSWERS = ("predicted_label", "predicted_labels", "predicted_value")
"""Column of what is answered, by the kind of answer."""
MAX_NAMED = 10


@dataclass
class Predicted:
    """What was predicted so far: how many rows, by which version, and 'row N: why' of the first of two kinds.

    An unreadable row has no answer; a doubted one has, though some of its cells were not read plainly. Of an unanswered
    one the model is too little sure.
    """

    num_rows: int = 0
    version: str = ""
    num_unreadable: int = 0
    num_doubted: int = 0
    num_unanswered: int = 0
    unreadable: list[str] = field(default_factory=list)
    doubted: list[str] = field(default_factory=list)

    def add(self, part: pd.DataFrame) -> None:
        """Count the rows of a part."""
        answer = part[[name for name in part if name in ANSWERS][-1]]  # columns of the source stand before ours
        is_unanswered = part[NO_ANSWER] != "" if NO_ANSWER in part else pd.Series(False, index=part.index)
        has_problem, is_lost = part[PROBLEM] != "", answer.isna() & ~is_unanswered
        self.num_unanswered += int(is_unanswered.sum())
        self.num_rows, self.version = self.num_rows + len(part), part[VERSION].iloc[0]
        self.num_unreadable += int(is_lost.sum())
        self.num_doubted += int((has_problem & ~is_lost).sum())
        for rows, named in ((part[is_lost], self.unreadable), (part[has_problem & ~is_lost], self.doubted)):
            named += [f"row {row}: {said}" for row, said in rows[PROBLEM].head(MAX_NAMED - len(named)).items()]

    @property
    def counted(self) -> str:
        """How many rows, in words."""
        return f"{self.num_rows:,} {'row' if self.num_rows == 1 else 'rows'}"

    def sayings(self) -> list[str]:
        """Say in words what has no answer and what is doubted; nothing where all is well."""
        kinds = (
            (self.num_unreadable, self.unreadable, "can't be read and have no answer"),
            (self.num_doubted, self.doubted, "have cells that were not read plainly (column problem)"),
        )
        unsure = f"{self.num_unanswered:,} of them have no answer, as the model is too little sure (column {NO_ANSWER})"
        return [unsure] * (self.num_unanswered > 0) + [
            f"{count:,} of them {what}, rows counted from 0: {'; '.join(named)}"
            + (f"; and {count - len(named):,} more" * (count > len(named)))
            for count, named, what in kinds
            if count
        ]


@task(name="predict into file", cache_policy=NO_CACHE, **retry_transient(ServiceError, MlflowException))
def predict_into(target: Path, workspace: Workspace, tracking: Tracking, params: Params, source: Path) -> Predicted:
    """Predict the rows of `source` by the champion into `target`, whole or not at all.

    Raises:
        UsageError: No version is champion, or it does not take these columns.
        UnreadableFileError: `source` can't be read.
        ServiceError: The tracking server does not answer, three times.
    """
    with device_slot(params):
        return write_predictions(target, predict_source(workspace, tracking, params, source, alias="champion"))


def write_predictions(target: Path, parts: Iterable[pd.DataFrame]) -> Predicted:
    """Write what `predict_source` yields into a file, whole or not at all."""
    predicted = Predicted()
    with writing_frames(target) as write:
        for part in parts:
            write(part)
            predicted.add(part)
    return predicted


def predict_source(
    workspace: Workspace, tracking: Tracking, params: Params, source: Path, *, alias: str
) -> Iterator[pd.DataFrame]:
    """Yield the rows of `source` with `predicted_label`, a `probability_CLASS` a class, and `model_version`.

    A model that keeps a limit gives a label of None to rows that it is too little sure of, and says so in NO_ANSWER.
    Where rows have several labels, `predicted_labels` is a JSON list of them. Where a number is estimated there are
    `predicted_value` and the ends of its interval, `value_low` and `value_high`. Some rows are kept in the workspace
    where `params.watch` asks for it.

    Raises:
        UsageError: No version holds the alias, or the model does not take these columns.
        UnreadableFileError: `source` can't be read; what stands before a broken line has been yielded by then.
    """
    model, version = load_model(tracking, params.name, alias)
    predictor = model.unwrap_python_model().predictor
    chunks = get_modality(params.modality).stream(source, predictor.params)
    with (
        percentage(f"predict {source.name}") as advance,
        keeping(workspace, params, predictor, version) as answering,
    ):
        yield from predict_chunks(answering, chunks, name=source.name, version=version, advance=advance)


def predict_rows(workspace: Workspace, tracking: Tracking, params: Params, rows: Any, *, alias: str) -> pd.DataFrame:
    """Return rows that a caller has in memory as `predict_source` yields those of a file, under their own index.

    Raises:
        UsageError: No version holds the alias, there are no rows, or the model does not take them.
    """
    model, version = load_model(tracking, params.name, alias)
    predictor = model.unwrap_python_model().predictor
    frame = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame({"given": pd.Series(rows, dtype=object)})
    if frame.empty:
        raise UsageError(
            f"there are no rows to predict: {type(rows).__name__} of shape {frame.shape}; give one at least"
        )
    given = frame.reset_index(drop=True)
    chunks = [Chunk(given, given, 1.0)]
    with keeping(workspace, params, predictor, version) as answering:
        answer = pd.concat(predict_chunks(answering, chunks, name="the frame", version=version))
    return answer.set_axis(frame.index)


def predict_chunks(
    predictor: Predictor | Watched,
    chunks: Iterable[Chunk],
    *,
    name: str,
    version: str,
    advance: Callable[[float, str], None] = lambda _share, _remark: None,
) -> Iterator[pd.DataFrame]:
    """Yield what is kept of each chunk, with the predictions beside it; a row that can't be read has none.

    A column of the source that is called like one of ours is kept under its name with an underscore behind it.

    Args:
        predictor: The model.
        chunks: Rows in the order of their source.
        name: What the source is called in messages.
        version: The model's version.
        advance: Told after each chunk which share is done, and a remark.

    Raises:
        UnreadableFileError: A column of numbers mixes two notations.
    """
    modality = get_modality(predictor.params.modality)
    notes: set[tuple[str, str]] = set()
    for number, chunk in enumerate(chunks):
        rows = predictor.prepare(chunk.given)
        said = modality.problems(rows).set_axis(chunk.kept.index)
        notes |= notes_by_column(said)
        refuse_mixed(notes, name)
        answer = predictor.predict_prepared(rows)
        answer = answer.rename(columns={answer.columns[0]: f"predicted_{answer.columns[0]}"})
        problems = said if chunk.problems is None else chunk.problems.where(chunk.problems != "", said)
        is_lost = modality.unanswerable(rows).to_numpy(dtype=bool)
        answer = answer.mask(np.broadcast_to(is_lost[:, None], answer.shape))
        answer = answer.astype({name: "str" for name in answer if name in ANSWERS[:2]})
        if NO_ANSWER in answer:
            answer[NO_ANSWER] = answer[NO_ANSWER].mask(is_lost, "")  # `problem` says why
        ours = answer.set_axis(chunk.kept.index).assign(**{VERSION: version})
        ours.insert(0, PROBLEM, problems)
        kept = _renamed(chunk.kept, [str(column) for column in ours], name if number == 0 else "")
        yield pd.concat([kept, ours], axis=1)
        advance(chunk.share, f"{chunk.kept.index[-1] + 1:,} rows")


def _renamed(kept: pd.DataFrame, ours: list[str], source: str) -> pd.DataFrame:
    """Return the columns under names that are none of ours, and say so of a named source."""
    taken = {*ours, *map(str, kept.columns)}
    names = {}
    for clash in [name for name in ours if name in kept]:
        names[clash] = f"{clash}_"
        while names[clash] in taken:
            names[clash] += "_"
        taken.add(names[clash])
    if names and source:
        said = ", ".join(f"{old!r} stands in {new!r}" for old, new in names.items())
        console.print(
            f"{source} has columns called like those of the answer; what they held is kept: {said}", markup=False
        )
    return kept.rename(columns=names)


def load_model(tracking: Tracking, name: str, alias: str) -> tuple[Any, str]:
    """Load the version of `name` that holds `alias`; returns the model and its version.

    Raises:
        UsageError: No version holds it.
    """
    with service_errors(tracking.uri):
        try:
            version = tracking.client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                raise
            raise UsageError(
                f"no version of {name!r} holds the alias {alias!r}; `thawline run` makes one, or give --alias"
            ) from None
        return load_registered(tracking.uri, f"{name}/{version.version}"), str(version.version)
