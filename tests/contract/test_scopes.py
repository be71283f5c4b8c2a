"""A step's kept result is taken again only where no param that the step reads has changed.

Every step runs once on tiny data under a recorder of the params that it reads. What it reads must be part of its key,
or of the DVC stage's params; a new param and a new step are tested the moment they appear.
"""

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pandas as pd
import pytest
from pydantic import BaseModel
from ruamel.yaml import YAML

import tasks
from modalities import get_modality, list_modalities
from modalities.predictor import load_predictor
from tasks.caching import KeyFunction
from tasks.results.cross_validation import CrossValidation, FinalFit
from tests.other_values import list_params, other_value
from tests.tiny_spaces import KINDS, tiny_params
from thawline.context import Context
from thawline.params import Params, scopes
from thawline.params.file import parse_params
from thawline.params.scopes import Scope
from thawline.params.section import Section
from thawline.workspace import Workspace

ROOT: Final = Path(__file__).parents[2]
SECTIONS: Final = {
    section.annotation: name
    for name, section in Params.model_fields.items()
    if isinstance(section.annotation, type) and issubclass(section.annotation, BaseModel)
}
PARAMS: Final = sorted(
    [f"{name}.{key}" for section, name in SECTIONS.items() for key in section.model_fields]
    + [name for name, section in Params.model_fields.items() if section.annotation not in SECTIONS]
)
SCOPES: Final = {scope.name: scope for scope in vars(scopes).values() if isinstance(scope, Scope)}
HOW_NOT_WHAT: Final = {"keep.validations", "model.stream", "runner.kind", "store.budget_gb"}
"""Read, and without a say in the digits: what stays in a history; blocks that are read when they run, folds in other
processes and states computed anew."""
CHANGES: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "text": {"augment": {"token_dropout": 0.1, "views": 1}},
    "image": {"augment": {"flip": 0.5}},
    "tabular": {"augment": {"corrupted_cells": 0.1}, "train": {"policy": "full"}},
}


@dataclass
class Recorder:
    """Dotted names of params that were read while recording."""

    read: set[str] = field(default_factory=set)
    is_on: bool = False


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """Return a recorder of what is read of any params, but for what keys and copies read."""
    found = Recorder()

    def read(self: Section, name: str) -> Any:
        if found.is_on and name in type(self).model_fields:
            found.read |= {name if type(self) is Params else f"{SECTIONS.get(type(self))}.{name}"} & set(PARAMS)
        return object.__getattribute__(self, name)

    def dump(original: Callable[..., Any]) -> Callable[..., Any]:
        def dumped(self: Section, **options: Any) -> Any:
            if found.is_on:
                chosen = options.get("include") or type(self).model_fields
                prefix = f"{SECTIONS[type(self)]}." if type(self) in SECTIONS else ""
                found.read |= {
                    param for param in PARAMS for name in chosen if f"{param}.".startswith(f"{prefix}{name}.")
                }
            return original(self, **options)

        return dumped

    def quiet(original: Callable[..., Any]) -> Callable[..., Any]:
        def quietly(*given: Any, **named: Any) -> Any:
            was_on, found.is_on = found.is_on, False
            try:
                return original(*given, **named)
            finally:
                found.is_on = was_on

        return quietly

    monkeypatch.setattr(Section, "__getattribute__", read, raising=False)
    for name in ("model_dump", "model_dump_json"):
        monkeypatch.setattr(Section, name, dump(getattr(Section, name)), raising=False)
    monkeypatch.setattr(Scope, "choose", quiet(Scope.choose))
    monkeypatch.setattr(Section, "__init__", quiet(Section.__init__))  # rules look at the values, too
    monkeypatch.setattr(Params, "model_validate", quiet(Params.model_validate))
    return found


@contextmanager
def recording(recorder: Recorder) -> Iterator[set[str]]:
    """Record what the block reads, of what this process has not kept from earlier steps."""
    for name, module in list(sys.modules.items()):
        if name.partition(".")[0] in {"tasks", "modalities", "models", "targets", "thawline", "expectations"}:
            for value in list(vars(module).values()):
                if hasattr(value, "cache_clear"):
                    value.cache_clear()
    recorder.read, recorder.is_on = set(), True
    try:
        yield recorder.read
    finally:
        recorder.is_on = False


def cached_tasks() -> dict[str, Any]:
    """Return all tasks whose results are kept, by name."""
    found = {}
    for path in sorted(Path(tasks.__file__).parent.rglob("*.py")):
        module = importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
        for value in vars(module).values():
            if isinstance(getattr(value, "cache_key_fn", None), KeyFunction):
                found[value.name] = value
    return found


def test_every_reason_to_leave_a_param_out_of_a_key_is_of_a_param_that_there_is() -> None:
    known = {*PARAMS, *SECTIONS.values()}
    for scope in SCOPES.values():
        assert set(scope.leaves_out) <= known
        assert set(scope.heeds) <= set(PARAMS)
        assert all(scope.leaves_out.values())


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # what is put in is of another type
def test_a_param_that_changes_changes_the_keys_of_all_work_but_that_which_leaves_it_out(tmp_path: Path) -> None:
    before = Context(root=tmp_path, params=parse_params({"name": "own"}), data_version="1", code_version="1")
    for param in PARAMS:
        section, _, key = param.rpartition(".")
        holder = getattr(before.params, section) if section else before.params
        changed = holder.model_copy(update={key: "something else"})
        params = before.params.model_copy(update={section: changed}) if section else changed
        after = before.model_copy(update={"params": params})
        differing = {name for name, scope in SCOPES.items() if after.key(scope) != before.key(scope)}
        assert differing == {name for name, scope in SCOPES.items() if scope.covers(param)}, param


@pytest.fixture(scope="module")
def spaces(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Workspace]:
    """Return a directory with raw rows and an encoder of each kind of data."""
    found = {}
    for modality in list_modalities():
        workspace = Workspace(tmp_path_factory.mktemp(modality))
        workspace.raw.mkdir(parents=True)
        written = KINDS[modality][0](workspace.root)
        written.rename(workspace.raw / written.name)
        found[modality] = workspace
    return found


def _stages(workspace: Workspace, params: Params) -> dict[str, Callable[[], None]]:
    names = ("ingest", "clean", "split")
    functions = {name: getattr(importlib.import_module(f"tasks.{name}"), name) for name in names}
    return {name: lambda function=function: function(workspace, params) for name, function in functions.items()}


def _steps(context: Context) -> dict[str, Callable[[], Any]]:
    """Return what runs each step whose result is kept, by the name of its task, in the order in which they run."""
    step = {name: task.fn for name, task in cached_tasks().items()}
    folds = range(context.params.split.num_folds)
    names = ["majority", *(["tfidf_logistic"] if context.params.modality == "text" else [])]
    made: dict[str, Any] = {}

    def keep(name: str, value: Any) -> None:
        made[name] = value

    return {
        "validate raw": lambda: step["validate raw"](context),
        "validate processed": lambda: step["validate processed"](context),
        "profile": lambda: step["profile"](context),
        "baseline": lambda: [step["baseline"](context, name) for name in names],
        "final baseline": lambda: [_answer(step["final baseline"](context, name), context) for name in names],
        "frozen features": lambda: step["frozen features"](context),
        "final frozen features": lambda: _answer(step["final frozen features"](context), context),
        "scout": lambda: step["scout"](_left_open(context)),
        "heads": lambda: step["heads"](context),
        "fold": lambda: keep("folds", [step["fold"](context, fold, num_phases=2) for fold in folds]),
        "fold on all rows": lambda: [step["fold on all rows"](context, one.fold, 2, one) for one in made["folds"]],
        "final fit": lambda: _answer(
            step["final fit"](context, CrossValidation(name="", folds=made["folds"])), context
        ),
        "measure": lambda: [step["measure"](context, name, 100, 0) for name in ("fine-tuning", "from random weights")],
    }


def _left_open(context: Context) -> Context:
    """Return the work with a policy that leaves open how deep it goes."""
    train = context.params.train.model_copy(update={"policy": "auto"})
    return context.model_copy(update={"params": context.params.model_copy(update={"train": train})})


def _answer(fit: FinalFit, context: Context) -> None:
    """Let a saved model answer rows: what it reads of its params was part of the key of the step that saved it."""
    predictor = load_predictor(fit.model)
    modality = get_modality(context.params.modality)
    frame = pd.read_parquet(context.workspace.test_rows)
    predictor.predict(modality.to_input(frame, context.params))


@pytest.mark.parametrize("modality", list_modalities())
def test_a_step_reads_no_param_but_those_in_its_key(
    modality: str, spaces: dict[str, Workspace], recorder: Recorder
) -> None:
    workspace = spaces[modality]
    params = parse_params(tiny_params(modality, CHANGES[modality]))
    stages = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["stages"]
    unread = {}
    for name, run in _stages(workspace, params).items():
        with recording(recorder) as read:
            run()
        assert read
        unread[name] = {param for param in read if not {param, param.partition(".")[0]} & set(stages[name]["params"])}
    context = Context(root=workspace.root, params=params, data_version=modality, code_version="1")
    steps, scope_of = _steps(context), {name: task.cache_key_fn.scope for name, task in cached_tasks().items()}
    assert steps.keys() == scope_of.keys()
    for name, run in steps.items():
        with recording(recorder) as read:
            run()
        assert read
        unread[name] = {param for param in read - HOW_NOT_WHAT if not scope_of[name].covers(param)}
    assert {name: sorted(params) for name, params in unread.items() if params} == {}


@pytest.mark.parametrize("modality", list_modalities())
def test_every_param_has_another_value_to_be_tried(modality: str) -> None:
    for name in list_params():
        other_value(tiny_params(modality), name)
