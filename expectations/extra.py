"""Expectations that `validation.extra` asks for beside ours.

A class is looked for in the workspace's own files, then among all that Great Expectations knows, then by its address.
"""

import importlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import great_expectations as gx
import great_expectations.expectations  # makes the stock ones known by name
from great_expectations.exceptions import ExpectationNotFoundError
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.registry import (
    get_expectation_impl,
    list_registered_expectation_implementations,
)
from great_expectations.util import camel_to_snake

from expectations.explanation import KEY, shown
from expectations.own import load_own
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.file import nearest
from thawline.params.validation import Extra
from thawline.rows.columns import slice_name

ASKED_BY = "asked_by"
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "content")


def with_extra(
    suite: gx.ExpectationSuite, params: Params, *, columns: Collection[str], root: Path | None
) -> gx.ExpectationSuite:
    """Return a suite with what `validation.extra` asks for on it.

    Args:
        suite: 'raw', 'arrival' or 'processed'.
        params: They name columns as the owner's files do.
        columns: Of the rows that are checked.
        root: The workspace, which may have expectations of its own.

    Raises:
        ParamsError: A class or a column is not there, or the class can't be made with its arguments.
        UsageError: The workspace's own can't be loaded.
    """
    asked = [extra for extra in params.validation.extra if suite.name in extra.on]
    own = load_own(root) if asked and root is not None else {}
    extra = [_make(each, params, columns, own) for each in asked]
    return gx.ExpectationSuite(name=suite.name, expectations=[*suite.expectations, *extra])


def _make(extra: Extra, params: Params, columns: Collection[str], own: Mapping[str, Any]) -> Any:
    kind = _find(extra.type, own)
    arguments = {
        key: _inner(value, params, columns) if key in COLUMN_ARGUMENTS else value
        for key, value in extra.arguments.items()
    }
    try:
        return kind(**arguments, severity=extra.severity, meta={ASKED_BY: KEY})
    except (TypeError, ValueError) as error:  # of pydantic's, too
        said = " ".join(str(error).split())
        raise ParamsError(
            f"{KEY}: {extra.type} can't be made with {shown(extra.arguments) or 'no arguments'}: {said}"
        ) from error


def _find(name: str, own: Mapping[str, Any]) -> Any:
    by_snake = {camel_to_snake(each): kind for each, kind in own.items()}
    module, _, last = name.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), last) if module else by_snake.get(camel_to_snake(name))
        kind = kind or get_expectation_impl(camel_to_snake(name))
    except (ImportError, AttributeError) as error:
        raise ParamsError(f"{KEY}: there is no {name}: {error}; install its package, or mend the name") from error
    except ExpectationNotFoundError:
        near = nearest(camel_to_snake(name), [*by_snake, *list_registered_expectation_implementations()])
        hint = f"did you mean {near!r}? " if near else ""
        raise ParamsError(
            f"{KEY}: {name!r} is no expectation that Great Expectations or the workspace's folder expectations/ has; "
            f"{hint}One of another package is named package.module.Class"
        ) from None
    if not (isinstance(kind, type) and issubclass(kind, Expectation)):
        raise ParamsError(f"{KEY}: {name} is a {type(kind).__name__}, not the class of an expectation")
    return kind


def _inner(value: Any, params: Params, columns: Collection[str]) -> Any:
    """Return an owner's column, or several, under the names inside the line."""
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_inner(each, params, columns) for each in value]
    ingest, split = params.ingest, params.split
    inner = {
        ingest.label_column: "label",
        ingest.text_column: "text",
        ingest.image_column: "path",
        split.group_column: "split:group",
        split.time_column: "split:time",
    }
    found = [inner.get(value), slice_name(columns, str(value)), value]
    known = next((name for name in found if name in columns), None)
    if known is None:
        there = ", ".join(map(repr, columns))
        raise ParamsError(f"{KEY} names a column {value!r}, which the rows do not have; they have {there}")
    return known
