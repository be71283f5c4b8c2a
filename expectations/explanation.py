"""What any expectation found in our words: stock ones have none of their own."""

import json
from collections.abc import Mapping
from typing import Any

from expectations.frame import Finding, percent
from expectations.report import Value

KEY = "validation.extra"
LONGEST = 200
NOT_SHOWN = {"batch_id", "mostly", "column"}


def explain(expectation: Any, result: Mapping[str, Any], *, passed: bool) -> Finding:
    """Return the finding behind Great Expectations' `result`: by the expectation itself, or as it fits all kinds."""
    if hasattr(expectation, "explain"):
        finding: Finding = expectation.explain(result, passed=passed)
        return finding
    return explain_any(expectation, result, passed=passed)


def explain_any(expectation: Any, result: Mapping[str, Any], *, passed: bool) -> Finding:
    """Return the finding as it fits all kinds: rows that break the rule, or what was found of the whole."""
    arguments = {key: value for key, value in expectation.configuration.kwargs.items() if key not in NOT_SHOWN}
    rule = expectation.expectation_type.removeprefix("expect_").replace("_", " ")
    column = getattr(expectation, "column", None)
    named = f"'{rule}'" + (f" of {column!r}" if column else "") + (f" ({shown(arguments)})" if arguments else "")
    remedy = "" if passed else f" Mend the data, or the expectation in {KEY}."
    if "element_count" in result and "unexpected_count" in result:
        return _of_rows(named, result, passed=passed, mostly=float(getattr(expectation, "mostly", 1.0)), remedy=remedy)
    return _of_whole(named, result, arguments, passed=passed, remedy=remedy)


def _of_rows(named: str, result: Mapping[str, Any], *, passed: bool, mostly: float, remedy: str) -> Finding:
    count, present = (
        int(result["unexpected_count"] or 0),
        int(result["element_count"]) - int(result.get("missing_count", 0)),
    )
    share, limit = count / present if present else 0.0, round(1 - mostly, 12)
    said = f"{count} of {present} values ({percent(share)}) break {named}; at most {percent(limit)} may (mostly)."
    rows = [row for row in result.get("partial_unexpected_index_list") or [] if isinstance(row, int)]
    return Finding(passed, round(share, 6), limit, said + remedy, rows, count)


def _of_whole(
    named: str, result: Mapping[str, Any], arguments: Mapping[str, Any], *, passed: bool, remedy: str
) -> Finding:
    observed = result.get("observed_value")
    if observed is None and result.get("unexpected_count") is not None:
        some = shown({"unexpected": result.get("partial_unexpected_list") or []})
        count = int(result["unexpected_count"] or 0)
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
    return shown(arguments) or "none"


def shown(arguments: Mapping[str, Any]) -> str:
    """Return arguments on one line, its end cut off where it is long."""
    text = ", ".join(f"{key}={_written(value)}" for key, value in arguments.items())
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _written(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
