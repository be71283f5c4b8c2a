"""Labels are those meant, and there is something to tell apart."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import great_expectations.expectations as gxe
import pandas as pd

from expectations import spark
from expectations.explanation import explain_any
from expectations.frame import Finding, FrameExpectation, positions
from expectations.report import NUM_EXAMPLES
from expectations.suites import CLASSES, Content
from thawline.params import Params

FRACTION = re.compile(r"[+-]?\d*\.\d+([eE][+-]?\d+)?")
MAX_FRACTIONS = 20
"""More labels that are fractions are measured numbers; ratings such as 3.5 are fewer."""


class ExpectKnownLabels(gxe.ExpectColumnValuesToBeInSet):
    """Every label is in the label set."""

    targets: ClassVar[tuple[str, ...]] = CLASSES

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Name the labels found outside the set."""
        count = int(result["unexpected_count"] or 0)
        allowed = ", ".join(repr(label) for label in self.value_set or ())
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

    targets: ClassVar[tuple[str, ...]] = CLASSES

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Name the number of classes found."""
        if self.min_value is None or self.max_value is not None:
            return explain_any(self, result, passed=passed)
        count, limit = int(result["observed_value"] or 0), int(self.min_value)
        noun = "class" if count == 1 else "classes"
        message = f"The labels name {count} {noun}; at least {limit} are needed."
        remedy = "" if passed else " Add rows of another class, or check that ingest.label_column names the label."
        return Finding(passed=passed, value=count, limit=limit, message=message + remedy)


class ExpectClassesNotNumbers(FrameExpectation):
    """There are at most so many classes, and they do not look like measured numbers."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    max_classes: int
    rule: ClassVar[str] = "There may be at most $max_classes classes, and labels may not be measured numbers."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Say how many classes there are, and whether they are fractions."""
        return self._judge(frame["label"].value_counts())

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`."""
        return self._judge(spark.value_counts(frame, "label"))

    def _judge(self, counts: pd.Series) -> Finding:
        fractions = [label for label in counts.index if FRACTION.fullmatch(str(label))]
        is_measured = len(fractions) > max(MAX_FRACTIONS, len(counts) / 2)
        message = f"There are {len(counts)} classes; at most {self.max_classes} are allowed (validation.max_classes)"
        message += f", and {len(fractions)} of them are fractions such as {fractions[0]!r}." if is_measured else "."
        passed = len(counts) <= self.max_classes and not is_measured
        if not passed:
            message += (
                " A measured number, an id or a text is no class: name another ingest.label_column, or put the values "
                "into a few classes."
            )
        return Finding(passed, len(counts), self.max_classes, message)


class ExpectDistinctLabels(FrameExpectation):
    """No two labels differ only in case, white space or Unicode form."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    rule: ClassVar[str] = "No two labels may differ only in case, white space or the form of their characters."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the labels that look alike with their rows, and the rows of the rarer ones."""
        counts = frame["label"].value_counts()
        groups = alike_labels(counts)
        finding = judge_alike(counts, groups, "classes")
        rarer = [label for alike in groups for label in alike[1:]]
        rows = positions(frame["label"].isin(rarer))
        return replace(finding, rows=rows[:NUM_EXAMPLES].tolist(), num_unexpected=len(rows))

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; rows are not named."""
        counts = spark.value_counts(frame, "label")
        return judge_alike(counts, alike_labels(counts), "classes")


def judge_alike(counts: pd.Series, groups: list[list[str]], what: str) -> Finding:
    """Return the finding on labels that are written in several ways; `what` they count as."""
    message = f"{len(groups)} labels are written in several ways; none should be."
    if groups:
        named = "; ".join(" and ".join(f"{label!r} ({counts[label]:,})" for label in alike) for alike in groups[:3])
        message += f" These count as different {what}: {named}. Write each label one way."
    return Finding(not groups, len(groups), 0, message)


def alike_labels(counts: pd.Series) -> list[list[str]]:
    """Return the labels that differ only in case, white space or Unicode form, the most frequent of each first."""
    groups: dict[str, list[str]] = {}
    for label in counts.index:
        plain = " ".join(unicodedata.normalize("NFKC", str(label)).casefold().split())
        groups.setdefault(plain, []).append(str(label))
    return [alike for alike in groups.values() if len(alike) > 1]


def raw(params: Params, _content: Content) -> list[Any]:
    """Two classes at least and not too many, each written one way, and the label set where one is given."""
    expectations: list[Any] = [
        ExpectSeveralClasses(column="label", min_value=2, severity="critical"),
        ExpectClassesNotNumbers(max_classes=params.validation.max_classes, severity="critical"),
        ExpectDistinctLabels(severity="warning"),
    ]
    if params.validation.labels is not None:
        expectations.append(
            ExpectKnownLabels(column="label", value_set=list(params.validation.labels), severity="critical")
        )
    return expectations


def processed(params: Params, content: Content) -> list[Any]:
    """As raw: cleaning must not have lost a class."""
    return raw(params, content)


def arrival(params: Params, content: Content, _profile: Mapping[str, Any]) -> list[Any]:
    """As raw, but a few new rows may all be of one class."""
    return [expectation for expectation in raw(params, content) if not isinstance(expectation, ExpectSeveralClasses)]
