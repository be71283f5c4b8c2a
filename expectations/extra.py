"""Expectations that `validation.extra` asks for beside ours, and what any expectation found in our words.

A class is looked for in the workspace's own files, then among all that Great Expectations knows, then by its address.
"""

import importlib
import json
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

from expectations.frame import Finding, percent
from expectations.own import load_own
from expectations.report import Value
from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.file import nearest
from thawline.params.validation import Extra
from thawline.rows.columns import slice_name

ASKED_BY = "asked_by"
KEY = "validation.extra"
LONGEST = 200
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "content")
NOT_SHOWN = {"batch_id", "mostly", "column"}


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


def explain(expectation: Any, result: Mapping[str, Any], *, passed: bool) -> Finding:
    """Return the finding behind Great Expectations' `result`: by the expectation itself, or as it fits all kinds."""
    if hasattr(expectation, "explain"):
        finding: Finding = expectation.explain(result, passed=passed)
        return finding
    arguments = {key: value for key, value in expectation.configuration.kwargs.items() if key not in NOT_SHOWN}
    rule = expectation.expectation_type.removeprefix("expect_").replace("_", " ")
    column = getattr(expectation, "column", None)
    named = f"'{rule}'" + (f" of {column!r}" if column else "") + (f" ({_shown(arguments)})" if arguments else "")
    remedy = "" if passed else f" Mend the data, or the expectation in {KEY}."
    if "element_count" in result and "unexpected_count" in result:
        return _of_rows(named, result, passed=passed, mostly=float(getattr(expectation, "mostly", 1.0)), remedy=remedy)
    return _of_whole(named, result, arguments, passed=passed, remedy=remedy)


def _of_rows(named: str, result: Mapping[str, Any], *, passed: bool, mostly: float, remedy: str) -> Finding:
    count, present = int(result["unexpected_count"]), int(result["element_count"]) - int(result.get("missing_count", 0))
    share, limit = count / present if present else 0.0, round(1 - mostly, 12)
    said = f"{count} of {present} values ({percent(share)}) break {named}; at most {percent(limit)} may (mostly)."
    rows = [row for row in result.get("partial_unexpected_index_list") or [] if isinstance(row, int)]
    return Finding(passed, round(share, 6), limit, said + remedy, rows, count)


def _of_whole(
    named: str, result: Mapping[str, Any], arguments: Mapping[str, Any], *, passed: bool, remedy: str
) -> Finding:
    observed = result.get("observed_value")
    if observed is None and result.get("unexpected_count") is not None:
        some = _shown({"unexpected": result.get("partial_unexpected_list") or []})
        count = int(result["unexpected_count"])
        return Finding(passed, count, 0, f"{named}: {count} unexpected, {some}." + remedy)
    verdict = "as it should be" if passed else "not as it should be"
    if observed is None:
        return Finding(passed, "holds" if passed else "fails", _limit(arguments), f"{named}: {verdict}." + remedy)
    value: Value = observed if isinstance(observed, int | float | str) else _written(observed)
    return Finding(passed, value, _limit(arguments), f"{named}: {str(value)[:LONGEST]} found, {verdict}." + remedy)


def _limit(arguments: Mapping[str, Any]) -> Value:
    """Return the one number that bounds what may be found, or all bounds in words."""
    bounds = {key: value for key, value in arguments.items() if isinstance(value, int | float)}
    bounds = {key: value for key, value in bounds.items() if not isinstance(value, bool)}
    if len(bounds) == 1:
        number: float | int = next(iter(bounds.values()))
        return number
    return _shown(arguments) or "none"


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
            f"{KEY}: {extra.type} can't be made with {_shown(extra.arguments) or 'no arguments'}: {said}"
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


def _shown(arguments: Mapping[str, Any]) -> str:
    text = ", ".join(f"{key}={_written(value)}" for key, value in arguments.items())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
