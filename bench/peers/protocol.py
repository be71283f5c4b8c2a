"""What passes between the benchmark and a peer: a task in, predictions and seconds out. For any environment.

TASK holds `rows.parquet` (content columns, `label` as a class number, `fold`) and `task.json`; OUT gets
`predictions.npy` (a class a row, -1 where its fold was not run), `result.json` and, of a side that tells them,
`probabilities.npy` (a row, a class; NaN where its fold was not run).
"""

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
ROWS, TASK, RESULT = "rows.parquet", "task.json", "result.json"
PREDICTIONS, PROBABILITIES = "predictions.npy", "probabilities.npy"


@dataclass(frozen=True)
class Task:
    """What every side is given.

    Args:
        kind: text, image or table.
        num_classes: Labels are 0 to num_classes - 1.
        folds: The folds to train, by number; the rest of `num_folds` is left out.
        encoder: Directory of the text encoder, or file of the image encoder's weights under timm's names.
        architecture: timm's name of the image encoder.
        max_tokens: Texts are cut here.
        image_size: Images are brought to this many pixels a side.
        image_fit: crop or squeeze: whether of an image that is no square the middle is seen, or all of it.
        resample: By what filter, in Pillow's name.
        mean: Of the image encoder's input, per channel; so is `deviation`.
        threads: Of one process.
        options: What a single work wants of a side, such as other numbers of epochs.
    """

    kind: str
    num_classes: int
    num_folds: int
    folds: tuple[int, ...]
    encoder: str = ""
    architecture: str = ""
    max_tokens: int = 64
    image_size: int = 96
    image_fit: str = "crop"
    resample: str = "BICUBIC"
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    seed: int = 0
    threads: int = 1
    options: dict[str, Any] = field(default_factory=dict)

    def write(self, directory: Path) -> None:
        (directory / TASK).write_text(json.dumps(asdict(self), indent=2))


def columns_of(training: pd.DataFrame, validation: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the columns of a table that are content, and those of them that hold texts."""
    content = [name for name in validation.columns if name != "fold"]
    return content, [name for name in content if not pd.api.types.is_numeric_dtype(training[name])]


FoldFunction = Callable[[Task, pd.DataFrame, pd.DataFrame], Ints | tuple[Ints, Floats]]
"""Task, training rows and validation rows of a fold to a class for each of the latter; and probabilities, if told."""


def read_task(directory: Path) -> tuple[Task, pd.DataFrame]:
    """Return the task and its rows."""
    values = json.loads((directory / TASK).read_text())
    tuples = {key: tuple(value) for key, value in values.items() if isinstance(value, list)}
    return Task(**{**values, **tuples}), pd.read_parquet(directory / ROWS)


def run(train_and_predict: FoldFunction, *, libraries: Sequence[str]) -> None:
    """Run a side on the task that the command line names; the seconds are those of the folds, imports are before.

    Args:
        train_and_predict: What a side does in a fold.
        libraries: Distributions whose versions are written down.
    """
    task, rows = read_task(Path(sys.argv[1]))
    predictions, probabilities = np.full(len(rows), -1), np.full((len(rows), task.num_classes), np.nan)
    fold_seconds = []
    processor = time.process_time()
    for fold in task.folds:
        started = time.perf_counter()
        is_validation = (rows["fold"] == fold).to_numpy()
        training, validation = rows[~is_validation], rows[is_validation]
        answer = train_and_predict(task, training, validation.drop(columns="label"))
        if isinstance(answer, tuple):
            answer, probabilities[is_validation] = answer
        predictions[is_validation] = answer
        fold_seconds.append(time.perf_counter() - started)
    write_result(
        Path(sys.argv[2]),
        predictions,
        probabilities,
        seconds=sum(fold_seconds),
        processor_seconds=time.process_time() - processor,
        fold_seconds=fold_seconds,
        versions={name: importlib.metadata.version(name) for name in libraries},
    )


def write_result(out: Path, predictions: Ints, probabilities: Floats, **values: object) -> None:
    """Write what a side came to; probabilities that are all NaN are those of a side that tells none."""
    np.save(out / PREDICTIONS, predictions)
    if not np.isnan(probabilities).all():
        np.save(out / PROBABILITIES, probabilities)
    (out / RESULT).write_text(json.dumps(values, indent=2))
