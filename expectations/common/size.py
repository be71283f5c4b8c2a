"""There is enough to learn from."""

from collections.abc import Mapping
from typing import Any

import great_expectations.expectations as gxe

from expectations.explanation import explain_any
from expectations.frame import Finding
from expectations.suites import Content
from thawline.params import Params


class ExpectEnoughRows(gxe.ExpectTableRowCountToBeBetween):
    """The table has at least so many rows."""

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Name the number found and the least allowed."""
        if self.min_value is None or self.max_value is not None:
            return explain_any(self, result, passed=passed)
        count, limit = int(result["observed_value"]), int(self.min_value)
        message = f"There are {count} rows; at least {limit} are needed (validation.min_rows)."
        remedy = "" if passed else " Add labelled rows, or lower the limit if so few are meant to do."
        return Finding(passed=passed, value=count, limit=limit, message=message + remedy)


def raw(params: Params, _content: Content) -> list[Any]:
    """Enough rows arrived."""
    return [ExpectEnoughRows(min_value=params.validation.min_rows, severity="critical")]


def processed(params: Params, content: Content) -> list[Any]:
    """Enough rows are left after cleaning."""
    return raw(params, content)
