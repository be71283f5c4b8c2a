"""The ground of custom expectations: one looks at the whole pandas frame and returns a `Finding`.

Great Expectations hands the frame over as a metric, which it computes once for all expectations of a suite.
"""

import dataclasses
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
from great_expectations.core.metric_domain_types import MetricDomainTypes
from great_expectations.execution_engine import PandasExecutionEngine, SparkDFExecutionEngine
from great_expectations.expectations.expectation import BatchExpectation
from great_expectations.expectations.metrics.metric_provider import metric_value
from great_expectations.expectations.metrics.table_metric_provider import TableMetricProvider
from great_expectations.render import LegacyDiagnosticRendererType, LegacyRendererType, RenderedStringTemplateContent
from great_expectations.render.renderer.renderer import renderer

from expectations.report import NUM_EXAMPLES, Value

_num_named: ContextVar[int] = ContextVar("rows that a finding names", default=NUM_EXAMPLES)

Positions = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Finding:
    """What an expectation found: the value, its limit, a message with the remedy, and the rows that break it."""

    passed: bool
    value: Value
    limit: Value
    message: str
    rows: Sequence[int] = ()
    num_unexpected: int = field(default=0)


class Explained(Protocol):
    """An expectation that says its outcome in our words."""

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Return the finding behind Great Expectations' `result`."""
        ...


class WholeFrame(TableMetricProvider):
    """The frame itself as a metric."""

    metric_name = "table.whole_frame"

    @metric_value(engine=PandasExecutionEngine)
    def _pandas(cls, execution_engine: Any, metric_domain_kwargs: dict[str, Any], **_: Any) -> pd.DataFrame:  # noqa: N805
        frame: pd.DataFrame = execution_engine.get_compute_domain(
            domain_kwargs=metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )[0]
        return frame

    @metric_value(engine=SparkDFExecutionEngine)
    def _spark(cls, execution_engine: Any, metric_domain_kwargs: dict[str, Any], **_: Any) -> Any:  # noqa: N805
        return execution_engine.get_compute_domain(
            domain_kwargs=metric_domain_kwargs, domain_type=MetricDomainTypes.TABLE
        )[0]


class FrameExpectation(BatchExpectation):
    """An expectation about a whole frame; a subclass says its rule and implements `inspect`."""

    metric_dependencies: ClassVar[tuple[str, ...]] = ("table.whole_frame",)
    rule: ClassVar[str] = ""
    """One sentence for a reader; $name stands for a field."""

    @abstractmethod
    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Look at all rows; positions in the finding count from 0."""

    def inspect_spark(self, frame: Any) -> Finding:
        """Look at all rows of a Spark frame, which has no positions; only some expectations can."""
        raise NotImplementedError(f"{type(self).__name__} can't look at a Spark frame of {len(frame.columns)} columns")

    def explain(self, result: Mapping[str, Any], *, passed: bool) -> Finding:
        """Return what `inspect` found."""
        return Finding(passed=passed, **result["details"])

    def _validate(
        self,
        metrics: dict[str, Any],
        runtime_configuration: dict[str, Any] | None = None,  # noqa: ARG002  # Great Expectations' signature
        execution_engine: Any = None,  # noqa: ARG002
    ) -> dict[str, Any]:
        frame = metrics["table.whole_frame"]
        finding = self.inspect(frame) if isinstance(frame, pd.DataFrame) else self.inspect_spark(frame)
        details = {
            "value": finding.value,
            "limit": finding.limit,
            "message": finding.message,
            "rows": [int(row) for row in finding.rows[: num_named()]],
            "num_unexpected": finding.num_unexpected,
        }
        return {"success": bool(finding.passed), "result": {"observed_value": finding.value, "details": details}}

    @classmethod
    @renderer(renderer_type=LegacyRendererType.PRESCRIPTIVE)
    def _prescriptive_renderer(
        cls, configuration: Any = None, runtime_configuration: Any = None, **_: Any
    ) -> list[RenderedStringTemplateContent]:
        template = {
            "template": cls.rule,
            "params": {name: str(value) for name, value in configuration.kwargs.items()},
            "styling": (runtime_configuration or {}).get("styling"),
        }
        return [RenderedStringTemplateContent(content_block_type="string_template", string_template=template)]

    @classmethod
    @renderer(renderer_type=LegacyDiagnosticRendererType.OBSERVED_VALUE)
    def _diagnostic_observed_value_renderer(cls, configuration: Any = None, result: Any = None, **_: Any) -> str:  # noqa: ARG003
        return str(result.result.get("details", {}).get("message", "")) if result is not None and result.result else ""


@contextmanager
def naming(num_rows: int) -> Iterator[None]:
    """Let findings name so many rows each in the block, if that is more than they do by themselves."""
    token = _num_named.set(max(num_rows, NUM_EXAMPLES))
    try:
        yield
    finally:
        _num_named.reset(token)


def num_named() -> int:
    """Return how many rows a finding is to name."""
    return _num_named.get()


def first_rows(rows: Positions) -> list[int]:
    """Return those of some rows that a finding is to name."""
    first: list[int] = rows[: num_named()].tolist()
    return first


def positions(mask: npt.NDArray[np.bool_] | pd.Series) -> Positions:
    """Return where `mask` is true."""
    return np.flatnonzero(np.asarray(mask, dtype=bool)).astype(np.int64)


def beyond_quartiles(
    values: npt.NDArray[np.float64], distance: float
) -> tuple[npt.NDArray[np.bool_], tuple[float, float]]:
    """Return which values lie more than so many quartile distances beyond the quartiles, and both quartiles.

    None do where the quartiles are equal, which is no measure; a missing value is not one of them.
    """
    present = values[~np.isnan(values)]
    low, high = map(float, np.percentile(present, [25, 75])) if len(present) else (0.0, 0.0)
    reach = distance * (high - low) if high > low else np.inf
    return (values < low - reach) | (values > high + reach), (low, high)


def percent(share: float) -> str:
    """Write a share as a percentage that is not rounded to nothing: '3.2 %', '0.03 %'."""
    return f"{100 * share:.2f}".rstrip("0").rstrip(".") + " %" if share < 0.1 else f"{100 * share:.1f} %"


def runs_on_spark(expectation: Any) -> bool:
    """Say whether an expectation can look at a Spark frame: Great Expectations' own can, and ours that implement it."""
    if not isinstance(expectation, FrameExpectation):
        return True
    return type(expectation).inspect_spark is not FrameExpectation.inspect_spark


def share_finding(rows: Positions, num_rows: int, *, limit: float, what: str, key: str, remedy: str) -> Finding:
    """Return the finding of a rule that allows a share of all rows.

    Args:
        rows: Positions of the rows that count.
        num_rows: Rows in all.
        limit: Largest share allowed, 0 to 1.
        what: Goes on from '12 of 370 rows (3.24 %)'.
        key: Param that holds the limit.
        remedy: What to do, a sentence without its full stop.
    """
    finding = count_finding(len(rows), num_rows, limit=limit, what=what, key=key, remedy=remedy)
    return dataclasses.replace(finding, rows=first_rows(rows))


def count_finding(count: int, num_rows: int, *, limit: float, what: str, key: str, remedy: str) -> Finding:
    """Return `share_finding` of rows that are counted and not named."""
    share = count / num_rows if num_rows else 0.0
    passed = share <= limit
    message = f"{count} of {num_rows} rows ({percent(share)}) {what}; at most {percent(limit)} may ({key})."
    return Finding(
        passed=passed,
        value=round(share, 6),
        limit=limit,
        message=message if passed else f"{message} {remedy}.",
        num_unexpected=count,
    )
