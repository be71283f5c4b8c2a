"""Running a suite on a frame with Great Expectations, in memory: no files, no telemetry, no progress bars."""

import dataclasses
import logging
from collections.abc import Callable, Mapping
from typing import Any

import great_expectations as gx
import pandas as pd
from great_expectations.data_context.types.base import (
    DataContextConfig,
    InMemoryStoreBackendDefaults,
    ProgressBarsConfig,
)

from expectations.common.schema import ExpectColumnOfType
from expectations.explanation import explain
from expectations.extra import ASKED_BY
from expectations.frame import Finding, naming, num_named, runs_on_spark
from expectations.report import Check, Example, LeftOut, Severity, ValidationReport
from expectations.spark import value_counts
from thawline.errors import ThawlineError, UsageError

MAX_CLASSES = 200

Excerpt = Callable[[pd.DataFrame], pd.Series]


def validate(
    frame: pd.DataFrame, suite: gx.ExpectationSuite, *, excerpt: Excerpt, title: str, named_share: float = 0.0
) -> tuple[ValidationReport, Any]:
    """Check `frame` against every expectation of `suite`.

    Args:
        frame: Columns `label`, `source`, `source_row`, `normalised` and content; for the processed suite also
            `row_id`, `group`, `fold` (-1 in test) and `split`.
        suite: From `build_suite`.
        excerpt: Content of rows in one line (`Modality.excerpt`).
        title: What is validated, for the reader of the report.
        named_share: Checks name one row more than this share of all, so that who tolerates so many sees all of them or
            that there are more; at least NUM_EXAMPLES.

    Returns:
        Our report, and Great Expectations' own result for its Data Docs.

    Raises:
        ThawlineError: An expectation itself broke; it never passes or fails by accident.
        UsageError: One of `validation.extra` did.
    """
    frame = frame.reset_index(drop=True)
    with naming(int(named_share * len(frame)) + 1):
        findings, outcome = _run(suite, ephemeral_context().data_sources.add_pandas("thawline"), frame)
    checks = [_check(expectation, finding, frame, excerpt) for expectation, finding in findings]
    report = ValidationReport(
        title=title,
        suite=suite.name,
        num_rows=len(frame),
        rows_per_class=_rows_per_class(frame["label"].value_counts()),
        sources=tuple(sorted(frame["source"].unique())),
        checks=tuple(checks),
    )
    return report, outcome


def validate_spark(frame: Any, suite: gx.ExpectationSuite, *, title: str) -> tuple[ValidationReport, Any]:
    """Check a Spark frame against those expectations of `suite` that Spark can look at; the others are named.

    Args:
        frame: Columns `label`, `source`, `normalised` and content; see `modalities/tables/spark.py`.
        suite: From `build_suite`.
        title: What is validated, for the reader of the report.

    Returns:
        Our report, without example rows as Spark promises no order, and Great Expectations' own result.

    Raises:
        ThawlineError: An expectation itself broke.
    """
    chosen, left_out = [], []
    for expectation in suite.expectations:
        reason = _reason_against_spark(expectation, frame)
        if reason:
            left_out.append(LeftOut(name=expectation.expectation_type, reason=reason))
        else:
            chosen.append(expectation.for_spark() if hasattr(expectation, "for_spark") else expectation)
    runnable = gx.ExpectationSuite(name=suite.name, expectations=chosen)
    source = ephemeral_context().data_sources.add_spark("thawline", persist=False)
    findings, outcome = _run(runnable, source, frame)
    nothing = pd.DataFrame({"label": [], "source": [], "source_row": []})
    report = ValidationReport(
        title=title,
        suite=suite.name,
        num_rows=frame.count(),
        rows_per_class=_rows_per_class(value_counts(frame, "label")),
        sources=tuple(sorted(value_counts(frame, "source").index)),
        checks=tuple(
            _check(expectation, dataclasses.replace(finding, rows=()), nothing, lambda rows: rows["label"])
            for expectation, finding in findings
        ),
        left_out=tuple(left_out),
        engine="spark",
    )
    return report, outcome


def _run(suite: gx.ExpectationSuite, source: Any, frame: Any) -> tuple[list[tuple[Any, Finding]], Any]:
    """Return each expectation with its finding, and Great Expectations' own result."""
    logging.getLogger("great_expectations").setLevel(logging.WARNING)
    asset = source.add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    result_format = {"result_format": "SUMMARY", "partial_unexpected_count": num_named()}
    outcome = batch.validate(suite, result_format=result_format)
    outcomes = {_key(result.expectation_config): result for result in outcome.results}
    findings = []
    for expectation in suite.expectations:
        result = outcomes[_key(expectation.configuration)]
        _refuse_broken(result)
        findings.append((expectation, explain(expectation, result.result, passed=bool(result.success))))
    return findings, outcome


def _reason_against_spark(expectation: Any, frame: Any) -> str:
    if not runs_on_spark(expectation):
        return "looks at whole rows, which Spark does not bring here; set validation.engine: pandas"
    if isinstance(expectation, ExpectColumnOfType) and expectation.column not in frame.columns:
        return f"the rows carry no {expectation.column!r}: Spark promises no order"
    return ""


def ephemeral_context(stores: InMemoryStoreBackendDefaults | None = None) -> Any:
    """Return a context of Great Expectations that leaves no trace of its own: in memory, but for `stores` given."""
    config = DataContextConfig(
        store_backend_defaults=stores or InMemoryStoreBackendDefaults(),
        progress_bars=ProgressBarsConfig(globally=False, metric_calculations=False),
        analytics_enabled=False,
    )
    return gx.get_context(mode="ephemeral", project_config=config)


def _rows_per_class(counts: pd.Series) -> dict[str, int]:
    """Return the rows of each label; of very many labels the rarest are counted together."""
    shown = {str(label): int(count) for label, count in counts.iloc[:MAX_CLASSES].items()}
    rest = counts.iloc[MAX_CLASSES:]
    return shown | ({f"{len(rest)} more labels": int(rest.sum())} if len(rest) else {})


def _key(config: Any) -> str:
    """Identify an expectation by its type and arguments; ids and batches differ between copies."""
    arguments = {name: value for name, value in config.kwargs.items() if name != "batch_id"}
    return f"{config.type} {sorted(arguments.items(), key=str)}"


def _refuse_broken(result: Any) -> None:
    info: Mapping[str, Any] = result.exception_info or {}
    entries = [info] if "raised_exception" in info else list(info.values())
    broken = [entry for entry in entries if entry.get("raised_exception")]
    if broken:
        config = result.expectation_config
        if ASKED_BY in (config.meta or {}):
            raise UsageError(
                f"{config.type} of {config.meta[ASKED_BY]} broke on these rows: {broken[0].get('exception_message')}; "
                f"mend its arguments {dict(config.kwargs)}, or the class"
            )
        raise ThawlineError(
            f"expectation {config.type} {dict(config.kwargs)} broke: {broken[0].get('exception_message')}; this is a "
            "fault of the expectation, not of the data"
        )


def _check(expectation: Any, finding: Finding, frame: pd.DataFrame, excerpt: Excerpt) -> Check:
    severity: Severity = "critical" if str(expectation.severity.value) == "critical" else "warning"
    rows = [] if finding.passed else list(finding.rows)
    return Check(
        name=expectation.expectation_type,
        column=getattr(expectation, "column", None),
        severity=severity,
        passed=finding.passed,
        value=finding.value,
        limit=finding.limit,
        message=finding.message,
        num_unexpected=finding.num_unexpected,
        examples=tuple(_examples(frame.iloc[rows], excerpt)),
    )


def _examples(rows: pd.DataFrame, excerpt: Excerpt) -> list[Example]:
    labels = rows["label"].astype(object).where(rows["label"].notna(), None)
    return [
        Example(source=source, row=row, label=label, excerpt=text)
        for source, row, label, text in zip(rows["source"], rows["source_row"], labels, excerpt(rows), strict=True)
    ]
