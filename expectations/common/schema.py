"""Columns are there and hold what they should."""

from collections.abc import Mapping
from typing import Any

import great_expectations.expectations as gxe

from expectations.frame import Finding
from expectations.suites import Content
from thawline.params import Params

SPARK_TYPES = {"str": "StringType", "int64": "LongType"}


class ExpectColumnOfType(gxe.ExpectColumnValuesToBeOfType):
    """The column holds one type."""

    def for_spark(self) -> "ExpectColumnOfType":
        """Return the same rule under Spark's name of the type."""
        kind = SPARK_TYPES.get(str(self.type_), str(self.type_))
        return ExpectColumnOfType(column=self.column, type_=kind, severity=self.severity)

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Name the type found and the one allowed."""
        found, allowed = str(result["observed_value"]), str(self.type_)
        message = f"Column {self.column!r} is of type {found}; it must be {allowed}."
        remedy = "" if passed else " Write the column with one type in every file."
        return Finding(passed=passed, value=found, limit=allowed, message=message + remedy)


def raw(_params: Params, content: Content) -> list[Any]:
    """Label and content are of their types, and every row knows where it came from."""
    types = {"label": "str", **content, "source": "str", "source_row": "int64"}
    return [ExpectColumnOfType(column=column, type_=kind, severity="critical") for column, kind in types.items()]


def processed(params: Params, content: Content) -> list[Any]:
    """As raw, and rows have ids, groups and folds."""
    types = {"row_id": "str", "group": "int64", "fold": "int64"}
    return raw(params, content) + [
        ExpectColumnOfType(column=column, type_=kind, severity="critical") for column, kind in types.items()
    ]


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw."""
    return raw(params, content)
