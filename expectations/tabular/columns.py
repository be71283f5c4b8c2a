"""Columns say something that can be learned: they vary, they are no ids, and they are of one kind."""

from typing import Any, ClassVar

import numpy as np
import pandas as pd

from expectations import spark
from expectations.frame import Finding, FrameExpectation, percent
from expectations.suites import Content
from expectations.tabular.cells import named_columns
from thawline.params import Params
from thawline.rows.cells import factorize, looks_numeric
from thawline.rows.columns import content_columns

ID_SHARE = 0.95
MIN_IDS = 20
MIXED = 0.05
ESTIMATE_ERROR = 0.2


class ExpectNoConstantColumns(FrameExpectation):
    """Every column has at least two different values."""

    rule: ClassVar[str] = "Every column must have at least two different values."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns with one value or none."""
        constant = {}
        for name in content_columns(frame):
            values = frame[name]
            present = values[values.notna()]
            first = present.iloc[0] if len(present) else None
            if len(frame) and (first is None or bool((present == first).all())):
                constant[name] = "no value" if first is None else f"always {str(first)[:40]!r}"
        return self._judge(constant)

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`."""
        names = content_columns(frame)
        ends = spark.aggregate(frame, [f"{end}({spark.quoted(name)})" for name in names for end in ("MIN", "MAX")])
        constant = {}
        for place, name in enumerate(names):
            low, high = ends[2 * place], ends[2 * place + 1]
            if low == high:
                constant[name] = "no value" if low is None else f"always {str(low)[:40]!r}"
        return self._judge(constant)

    def _judge(self, constant: dict[str, str]) -> Finding:
        message = f"{len(constant)} columns have one value or none; none should."
        if constant:
            message += f" These: {named_columns(constant)}. They say nothing: drop them (ingest.drop_columns)."
        return Finding(not constant, len(constant), 0, message)


class ExpectNoIdColumns(FrameExpectation):
    """No column of categories or whole numbers has a value of its own in nearly every row."""

    rule: ClassVar[str] = "No column may have a value of its own in nearly every row, as ids have."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns that look like ids."""
        found = {}
        for name in content_columns(frame):
            values = frame[name].dropna()
            if len(values) < MIN_IDS or pd.api.types.is_datetime64_any_dtype(values):
                continue
            if pd.api.types.is_numeric_dtype(values) and not (values % 1 == 0).all():
                continue
            share = values.nunique() / len(values)
            if share >= ID_SHARE:
                found[name] = f"{percent(share)} distinct"
        return self._judge(found)

    def inspect_spark(self, frame: Any) -> Finding:
        """As `inspect`; distinct values are counted exactly only where an estimate is near the limit."""
        kinds = dict(frame.dtypes)
        names = [name for name in content_columns(frame) if kinds[name] in {"string", "double"}]
        found = {}
        asked = [f"{what}({spark.quoted(name)})" for name in names for what in ("COUNT", "APPROX_COUNT_DISTINCT")]
        counts = spark.aggregate(frame, asked)
        for place, name in enumerate(names):
            num_values, estimate = counts[2 * place], counts[2 * place + 1]
            if num_values < MIN_IDS or estimate < (ID_SHARE - ESTIMATE_ERROR) * num_values:
                continue
            quoted = spark.quoted(name)
            whole = f"BOOL_AND({quoted} % 1 = 0)" if kinds[name] == "double" else "TRUE"
            exact, is_whole = spark.aggregate(frame, [f"COUNT(DISTINCT {quoted})", whole])
            if is_whole and exact / num_values >= ID_SHARE:
                found[name] = f"{percent(exact / num_values)} distinct"
        return self._judge(found)

    def _judge(self, found: dict[str, str]) -> Finding:
        message = f"{len(found)} columns look like ids; none should."
        if found:
            message += (
                f" These: {named_columns(found)}. A model learns ids by heart: drop them (ingest.drop_columns); a "
                "column of texts belongs to the modality text."
            )
        return Finding(not found, len(found), 0, message)


class ExpectUnmixedColumns(FrameExpectation):
    """No column of categories is partly numbers."""

    rule: ClassVar[str] = "No column of categories may be partly numbers."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns that mix numbers and words."""
        mixed = {}
        for name in content_columns(frame):
            if not pd.api.types.is_string_dtype(frame[name]):
                continue
            codes, distinct = factorize(frame[name])
            counts = np.bincount(codes[codes >= 0], minlength=len(distinct))
            numeric = np.array([looks_numeric(text) for text in distinct], dtype=bool)
            share = float(counts[numeric].sum() / max(counts.sum(), 1))
            if MIXED < share < 1 - MIXED:
                mixed[name] = f"{percent(share)} numbers, others such as {distinct[int(np.argmin(numeric))][:40]!r}"
        message = f"{len(mixed)} columns mix numbers and words; none should."
        if mixed:
            message += f" These: {named_columns(mixed)}. Mend the cells, or name the kind in ingest.columns."
        return Finding(not mixed, len(mixed), 0, message)


def raw(_params: Params, _content: Content) -> list[Any]:
    """Columns vary, are no ids, and are of one kind."""
    return [
        ExpectNoConstantColumns(severity="warning"),
        ExpectNoIdColumns(severity="warning"),
        ExpectUnmixedColumns(severity="warning"),
    ]
