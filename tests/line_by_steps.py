"""The line's stages and kept steps in this process, with results kept by their keys, and what comes out of them.

Prefect, DVC and MLflow have no part in it: what is tried is that keys, the activation store, stored encoders and what
the process keeps in memory leave nothing of other params behind.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from prefect import Task

from tasks.candidates.estimators import cross_validate_baseline, fit_baseline, list_baselines
from tasks.candidates.frozen_features import cross_validate_frozen, fit_frozen, has_frozen_features
from tasks.clean import clean
from tasks.ingest import ingest
from tasks.results.cross_validation import CrossValidation, FinalFit, FoldResult
from tasks.split import split
from tasks.training.finetuning import answer_fold, fit_final, plan, train_fold, train_heads
from tasks.versions.prepare import check_processed, check_raw
from tests.tiny_spaces import KINDS
from thawline.context import Context
from thawline.params import Params
from thawline.workspace import Workspace

NO_MATTER = ("seconds", "peak_memory_bytes", "predictions", "model")


def make_raw(root: Path, modality: str) -> Workspace:
    """Return a workspace with tiny raw rows and an encoder."""
    root.mkdir(parents=True)
    workspace = Workspace(root)
    workspace.raw.mkdir(parents=True)
    written = KINDS[modality][0](root)
    written.rename(workspace.raw / written.name)
    return workspace


class Line:
    """The line in one workspace; what a step gave is kept under its key, as in .thawline/results."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._kept: dict[str, Any] = {}

    def run(self, params: Params) -> dict[str, Any]:
        """Run the stages and all steps; return what they gave, files by the hashes of their content."""
        for stage in (ingest, clean, split):
            stage(self._workspace, params)
        digest = hashlib.sha256()
        for path in (self._workspace.train_rows, self._workspace.test_rows):
            digest.update(path.read_bytes())
        version = digest.hexdigest()[:12]
        context = Context(root=self._workspace.root, params=params, data_version=version, code_version="1")
        checks = [self._step(check, context) for check in (check_raw, check_processed)]
        told = {"version": version, "checks": [check.model_dump(mode="json") for check in checks]}
        if any(check.critical_failures for check in checks):
            return told  # the line ends here
        self._step(train_heads, context)
        num_phases, folds = len(plan(context)), range(params.split.num_folds)
        found = {
            **told,
            "baselines": [self._step(cross_validate_baseline, context, name) for name in list_baselines(context)],
            "final baselines": [self._step(fit_baseline, context, name) for name in list_baselines(context)],
            "folds": [self._step(train_fold, context, fold, num_phases) for fold in folds],
        }
        found["answers"] = [
            self._step(answer_fold, context, one.fold, num_phases, one, key=(one.fold, num_phases, ""))
            for one in found["folds"]
        ]
        course = CrossValidation(name="", folds=found["folds"])
        found["final"] = self._step(fit_final, context, course, key=("",))
        if has_frozen_features(params):
            found["frozen"] = [self._step(step, context) for step in (cross_validate_frozen, fit_frozen)]
        return {name: _plain(value) for name, value in found.items()}

    def _step(self, task: Task[Any, Any], context: Context, *given: Any, key: tuple[Any, ...] | None = None) -> Any:
        names = ("context", *(str(place) for place in range(len(given))))
        assert task.cache_key_fn is not None
        wanted = dict(zip(names, (context, *(given if key is None else key)), strict=True))
        name = task.cache_key_fn(_Run(task), wanted)  # type: ignore[arg-type]
        if name not in self._kept:
            self._kept[name] = task.fn(context, *given)
        return self._kept[name]


class _Run:
    """What a key asks of a task's run."""

    def __init__(self, task: Task[Any, Any]) -> None:
        self.task = task


def _plain(value: Any) -> Any:
    plain: Mapping[type, Callable[[Any], Any]] = {
        list: lambda items: [_plain(item) for item in items],
        FoldResult: lambda one: {
            **one.model_dump(mode="json", exclude={*NO_MATTER, "epochs"}),
            **_epochs(one),
            **_arrays(one),
        },
        FinalFit: lambda one: {"model": _hash_files(one.model), **_epochs(one)},
        CrossValidation: lambda one: _plain(one.folds),
    }
    return plain[type(value)](value) if type(value) in plain else value


def _epochs(one: FoldResult | FinalFit) -> dict[str, Any]:
    return {"epochs": [{key: value for key, value in epoch.items() if key not in NO_MATTER} for epoch in one.epochs]}


def _arrays(fold: FoldResult) -> dict[str, Any]:
    with np.load(fold.predictions) as stored:
        return {name: stored[name].tolist() for name in sorted(stored)}


def _hash_files(directory: Path) -> dict[str, str]:
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path.suffix != ".skops")  # holds times
    return {str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()[:12] for path in files}


def differences(one: Any, other: Any, place: str = "") -> list[str]:
    """Return where two results differ, by their places."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted(one.keys() | other.keys())
        return [found for key in keys for found in differences(one.get(key), other.get(key), f"{place}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = enumerate(zip(one, other, strict=True))
        return [found for number, pair in pairs for found in differences(*pair, f"{place}/{number}")]
    same = json.dumps(one, default=str) == json.dumps(other, default=str)
    return [] if same else [f"{place}: {str(one)[:60]} != {str(other)[:60]}"]
