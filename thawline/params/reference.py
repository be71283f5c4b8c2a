"""Params in words: their reference, and a params.yaml that teaches."""

import dataclasses
import json
import textwrap
from collections.abc import Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from thawline.params import Params
from thawline.workspace import SCHEMA_FILE

DVC_SECTIONS = ("modality", "ingest", "target", "clean", "split")
"""What DVC's stages read: a params.yaml always has them."""


def list_fields(section: type[BaseModel] = Params, prefix: str = "") -> list[tuple[str, str, str, str]]:
    """Return (key, type and bounds, default, description) for every param, sections before what is in them."""
    rows = []
    for name, field in section.model_fields.items():
        key = f"{prefix}{name}"
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            rows += list_fields(field.annotation, f"{key}.")
            continue
        default = "required" if field.is_required() else _yaml(field.get_default(call_default_factory=True))
        rows.append((key, _describe_type(field), default, field.description or ""))
    return rows


def render_params(params: Params, keep: Sequence[str] = ()) -> str:
    """Return params as a params.yaml that teaches: every value with its description above it.

    Args:
        params: What to write.
        keep: Names of sections to write; all if empty. Sections that DVC reads are always written.
    """
    lines = [f"# yaml-language-server: $schema={SCHEMA_FILE}"]  # so that editors complete and check it
    lines += ["# What this workspace does. `thawline params` describes every value and its bounds.", ""]
    for name, field in Params.model_fields.items():
        value = getattr(params, name)
        if not isinstance(value, BaseModel):
            lines += [f"# {field.description}", f"{name}: {_yaml(value)}", ""]
        elif not keep or name in keep or name in DVC_SECTIONS:
            lines += [f"# {field.description}", f"{name}:"]
            lines += [*_render_section(value), ""]
    return "\n".join(lines)


def _render_section(section: BaseModel, indent: str = "  ") -> list[str]:
    """Return the params of a section as YAML, each below its description."""
    lines = []
    for key, field in type(section).model_fields.items():
        value = getattr(section, key)
        lines += [f"{indent}# {line}" for line in textwrap.wrap(field.description or "", 100)]
        if isinstance(value, BaseModel):
            lines += [f"{indent}{key}:", *_render_section(value, f"{indent}  ")]
        else:
            lines += [f"{indent}{line}" for line in _render_value(key, value)]
    return lines


def _render_value(key: str, value: Any) -> list[str]:
    """Return a param as YAML, a mapping of sections with a line for each."""
    if isinstance(value, dict) and value and all(isinstance(item, BaseModel) for item in value.values()):
        items = [f"  {name}: {json.dumps(item.model_dump(exclude_defaults=True))}" for name, item in value.items()]
        return [f"{key}:", *items]
    return [f"{key}: {_yaml(value)}"]


def _describe_type(field: FieldInfo) -> str:
    """Return a field's type and bounds in words, such as 'integer, at least 1' or "'mean' or 'cls'"."""
    options = get_args(field.annotation)
    if get_origin(field.annotation) is dict:
        return "mapping"
    if get_origin(field.annotation) is Literal:
        return " or ".join(repr(option) for option in options)
    kinds = [_describe(option) for option in options or [field.annotation] if option is not NoneType]
    bounds = [
        _BOUNDS[type(item)].format(*dataclasses.astuple(item)) for item in field.metadata if type(item) in _BOUNDS
    ]
    return ", ".join([" or ".join(kinds) + (" or null" if NoneType in options else ""), *bounds])


def _describe(option: Any) -> str:
    if isinstance(option, type) and issubclass(option, BaseModel):
        return "list of " + ", ".join(option.model_fields)
    return _TYPES.get(option, "list of text")


_TYPES: dict[Any, str] = {int: "integer", float: "number", str: "text", bool: "true or false"}
_BOUNDS: dict[type, str] = {
    annotated_types.Ge: "at least {}",
    annotated_types.Gt: "above {}",
    annotated_types.Le: "at most {}",
    annotated_types.Lt: "below {}",
    annotated_types.MinLen: "at least {} long",
    annotated_types.MaxLen: "at most {} long",
}


def _yaml(value: Any) -> str:
    if isinstance(value, tuple):
        value = [item.model_dump(exclude_none=True) if isinstance(item, BaseModel) else item for item in value]
    if isinstance(value, dict):
        value = {
            key: item.model_dump(exclude_defaults=True) if isinstance(item, BaseModel) else item
            for key, item in value.items()
        }
    return json.dumps(value, ensure_ascii=False)
