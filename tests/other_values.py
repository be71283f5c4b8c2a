"""Another value of each param: what it is changed to where a test asks what a change does."""

import math
import types
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel

from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.file import parse_params

_PHASES: Final = [{"name": "head", "groups": {"head": 0.01}, "num_epochs": 2}]
WRITTEN: Final[dict[str, Any]] = {
    "arrive.initial": "rows.csv",
    "arrive.source": "drop",
    "audit.policy": "drop",
    "clean.max_chars": 40,
    "clean.max_image_side": 16,
    "augment.views": 1,
    "compare.percents": [50, 100],
    "export.onnx": True,
    "ingest.columns": {"age": "categorical"},
    "ingest.decimal": ",",
    "ingest.drop_columns": ["place", "age"],
    "ingest.encoding": "latin-1",
    "ingest.image_column": "file",
    "ingest.label_column": "place",
    "ingest.max_pixels": 100,
    "ingest.text_column": "place",
    "target.separator": ";",
    "keep.max_gb": 1.0,
    "keep.run_days": 30,
    "model.attention_dropout": 0.1,
    "model.encoder": "other",
    "model.prompt": "query: ",
    "name": "another",
    "notify.blocks": ["slack-webhook/team"],
    "predict.costs": {"a": {"b": 5.0}},
    "predict.coverage": 0.9,
    "predict.max_error": 0.4,
    "predict.min_confidence": 0.6,
    "schedule.clean": "0 5 * * *",
    "schedule.score": "0 6 * * *",
    "schedule.score_input": "rows.csv",
    "schedule.score_output": "reports/scored.csv",
    "schedule.sweep": "*/20 * * * *",
    "schedule.train": "0 3 * * *",
    "schedule.watch": "40 0 * * *",
    "runner.address": "local",
    "search.max_seconds": 600.0,
    "search.patience": 3,
    "search.space": {"train.head_learning_rate": {"low": 0.001, "high": 0.1, "log": True}},
    "search.storage": "sqlite:///trials.db",
    "split.group_column": "place",
    "split.test_share": 0.3,
    "split.time_column": "seen",
    "tracking.artifacts": "artifacts",
    "tracking.mlflow_uri": "sqlite:///other.db",
    "train.adapters": {"kind": "lora"},
    "train.checkpoint_steps": 2,
    "train.phases": _PHASES,
    "validation.categories": {"city": ["k", "m", "w", "x"]},
    "validation.extra": [{"type": "ExpectTableRowCountToBeBetween", "arguments": {"max_value": 10}}],
    "validation.labels": ["a", "b", "c"],
    "validation.min_rows": 1000,
    "validation.ranges": {"age": [0, 200]},
    "validation.slice_columns": [],
    "versioning.remote": "copies",
}
"""Of params whose rules do not say what else they may be, or where another value says more."""


def list_params() -> list[str]:
    """Return the dotted names of all params."""
    names = []
    for name, found in Params.model_fields.items():
        section = found.annotation
        is_section = isinstance(section, type) and issubclass(section, BaseModel)
        names += [f"{name}.{key}" for key in section.model_fields] if is_section else [name]  # type: ignore[union-attr]
    return names


def value_of(params: Params, name: str) -> Any:
    """Return a param's value by its dotted name."""
    value: Any = params
    for part in name.split("."):
        value = getattr(value, part)
    return value


def other_value(values: dict[str, Any], name: str) -> Any:
    """Return another value of a param than `values` have: a valid one, unless `WRITTEN` says what is to be refused.

    Raises:
        AssertionError: None is known; name one in `WRITTEN`.
    """
    present = value_of(parse_params(values), name)
    if name in WRITTEN and present != WRITTEN[name]:
        return WRITTEN[name]
    for candidate in _candidates(name, present):
        if candidate != present and _is_valid(values, name, candidate):
            return candidate
    raise AssertionError(f"no other value of {name} ({present!r}) is known; name one in WRITTEN")


def with_value(values: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    """Return params with one of them changed."""
    section, _, key = name.rpartition(".")
    return {**values, section: {**values.get(section, {}), key: value}} if section else {**values, key: value}


def _is_valid(values: dict[str, Any], name: str, value: Any) -> bool:
    try:
        parse_params(with_value(values, name, value))
    except ParamsError:
        return False
    return True


def _candidates(name: str, present: Any) -> list[Any]:
    if name == "modality":
        return ["text", "image"]
    section, _, key = name.rpartition(".")
    holder: Any = Params.model_fields[section].annotation if section else Params
    kinds = _kinds(holder.model_fields[key].annotation)
    if kinds and get_origin(kinds[0]) is Literal:
        return list(get_args(kinds[0]))
    if bool in kinds:
        return [not present]
    start = present if isinstance(present, int | float) else 2
    if int in kinds and float not in kinds:
        return [start * 2, start + 1, start - 1, start // 2]
    return [start * 2, start / 2, start + 0.1, start - 0.1, math.sqrt(abs(start))]


def _kinds(annotation: Any) -> tuple[Any, ...]:
    is_union = isinstance(annotation, types.UnionType)
    return tuple(kind for kind in get_args(annotation) if kind is not type(None)) if is_union else (annotation,)
