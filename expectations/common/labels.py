"""Labels are those meant, and there is something to tell apart."""

from collections.abc import Mapping
from typing import Any

import great_expectations.expectations as gxe

from expectations.frame import Finding
from expectations.suites import Content
from thawline.params import Params


class ExpectKnownLabels(gxe.ExpectColumnValuesToBeInSet):
    """Every label is in the label set."""

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Name the labels found outside the set."""
        count = int(result["unexpected_count"])
        allowed = ", ".join(repr(label) for label in self.value_set)
        unexpected = result.get("partial_unexpected_list") or []
        strange = list(dict.fromkeys(str(label) for label in unexpected))
        message = f"{count} rows have a label outside validation.labels ({allowed})."
        if not passed:
            named = ", ".join(repr(label) for label in strange[:5])
            message += f" Among them: {named}. Mend the labels, or add them to the set."
        rows = result.get("partial_unexpected_index_list") or []
        return Finding(passed, count, 0, message, rows, count)


class ExpectSeveralClasses(gxe.ExpectColumnUniqueValueCountToBeBetween):
    """There are at least two classes."""

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Name the number of classes found."""
        count, limit = int(result["observed_value"] or 0), int(self.min_value)
        noun = "class" if count == 1 else "classes"
        message = f"The labels name {count} {noun}; at least {limit} are needed."
        remedy = "" if passed else " Add rows of another class, or check that ingest.label_column names the label."
        return Finding(passed=passed, value=count, limit=limit, message=message + remedy)


def raw(params: Params, _content: Content) -> list[Any]:
    """Two classes at least, and the label set where one is given."""
    expectations: list[Any] = [ExpectSeveralClasses(column="label", min_value=2, severity="critical")]
    if params.validation.labels is not None:
        expectations.append(
            ExpectKnownLabels(column="label", value_set=list(params.validation.labels), severity="critical")
        )
    return expectations


def processed(params: Params, content: Content) -> list[Any]:
    """As raw: cleaning must not have lost a class."""
    return raw(params, content)
