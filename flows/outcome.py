"""What the Python interface answers with: a verdict, scores and tables, which a notebook shows as they are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # pandas is a second of imports
    import pandas as pd

    from expectations.report import ValidationReport
    from tasks.comparing.encoders import ComparedEncoders
    from tasks.results.outcomes import ComparedApproaches, RunResult


@dataclass(frozen=True, repr=False)
class Outcome:
    """What came of a check, a run, a comparison, or of all runs.

    Attributes:
        title: What it is of, in a line.
        verdict: What came of it, in words.
        scores: By name; empty where nothing was scored.
        tables: Rows by the name of their table, the most telling first.
        details: All there is to know, as `thawline --json` prints it.
    """

    title: str
    verdict: str
    scores: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    details: Any = None

    def to_frame(self, table: str | None = None) -> "pd.DataFrame":
        """Return one of the tables as a frame: the first unless one is named.

        Raises:
            KeyError: There is no table of that name.
        """
        import pandas as pd

        return pd.DataFrame(list(self.tables[next(iter(self.tables)) if table is None else table]))

    def __repr__(self) -> str:
        return f"{self.title}: {self.verdict}"

    def _repr_html_(self) -> str:
        parts = [f"<p><b>{escape(self.title)}</b></p>", f"<p>{escape(self.verdict)}</p>"]
        for name in self.tables:
            table = self.to_frame(name).to_html(index=False, border=0, escape=True, float_format="{:.4f}".format)
            parts += [f"<p>{escape(name)}</p>", table]
        return "\n".join(parts)


def of_run(result: "RunResult") -> Outcome:
    """Return what came of a run of the line."""
    from targets import get_target  # brings pandas

    intervals = {name: result.intervals.get(name, (None, None)) for name in result.metrics}
    scores = [
        {"score": name, "value": value, "low": intervals[name][0], "high": intervals[name][1]}
        for name, value in result.metrics.items()
    ]
    main = get_target(result.target).main
    folds = {name: (one[f"cv_{main}"], one[f"cv_{main}_sd"]) for name, one in result.baseline.items()}
    folds["finetuned"] = result.cv["mean"], result.cv["sd"]
    return Outcome(
        title=f"{result.model} version {result.version}, run {result.run_id[:8]}",
        verdict=" ".join(filter(None, [result.verdict, result.standing])),
        scores=MappingProxyType(dict(result.metrics)),
        tables={
            f"test set, {result.candidate}": scores,
            "cross-validation": [{"approach": name, "mean": mean, "sd": sd} for name, (mean, sd) in folds.items()],
            "gates": [gate.model_dump() for gate in result.gates],
        },
        details=result,
    )


def of_check(report: "ValidationReport") -> Outcome:
    """Return what came of a check of the data."""
    failed = report.critical_failures
    rows = f"{report.num_rows:,} rows, {len(report.checks)} checks, {len(report.warnings)} warnings"
    verdict = f"not fit to learn from: {' '.join(one.message for one in failed)}" if failed else "fit to learn from"
    named = ("severity", "passed", "name", "column", "value", "limit", "message")
    checks = sorted(report.checks, key=lambda check: check.passed)
    return Outcome(
        title=f"{report.title}, {rows}",
        verdict=verdict,
        tables={"checks": [check.model_dump(include=set(named)) for check in checks]},
        details=report,
    )


def of_comparison(result: "ComparedApproaches") -> Outcome:
    """Return what came of a comparison of approaches; the scores are those on the largest share of the rows."""
    last = {one.approach: one.f1_macro for one in sorted(result.measured, key=lambda one: one.percent)}
    return Outcome(
        title=f"comparison, {len(result.measured)} trainings, run {result.run_id[:8]}",
        verdict=result.recommendation,
        scores=MappingProxyType(last),
        tables={"approaches": result.table, "trainings": [one.model_dump() for one in result.measured]},
        details=result,
    )


def of_encoders(result: "ComparedEncoders") -> Outcome:
    """Return what came of a comparison of encoders; the scores are macro-F1 of each, left frozen."""
    return Outcome(
        title=f"comparison, {len(result.encoders)} encoders, run {result.run_id[:8]}",
        verdict=result.summary,
        scores=MappingProxyType({one.title: one.f1_macro for one in result.encoders}),
        tables={"encoders": [one.model_dump() for one in result.encoders]},
        details=result,
    )


def of_runs(runs: Sequence[Mapping[str, Any]]) -> Outcome:
    """Return the runs of a workspace, the newest first; verdict and scores are the newest one's."""
    newest = runs[0] if runs else {}
    scored = {name: value for name, value in newest.items() if name.startswith(("cv_", "test_")) and value is not None}
    return Outcome(
        title=f"{len(runs)} runs",
        verdict=newest.get("verdict") or "no run yet",
        scores=MappingProxyType(scored),
        tables={"runs": runs},
        details=runs,
    )
