"""What a flow run shows on its page in Prefect: artifacts, whose content pure functions make of results.

They are a courtesy: one that Prefect does not take is logged, and the run goes on. Where its server ends with the
command none is made, as nobody could look at it.
"""

import logging
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote
from uuid import UUID

import httpx
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from prefect.artifacts import (
    Artifact,
    LinkArtifact,
    MarkdownArtifact,
    TableArtifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from expectations.report import Check, ValidationReport
from targets import get_target
from tasks.presenting.markdown import escape
from tasks.results.outcomes import RunResult
from tasks.tracking.mlflow_addresses import find_pages
from tasks.tracking.runs import Tracking, service_errors
from thawline.scores.metrics import TITLES
from thawline.servers.orphans import lasting_server
from thawline.system.console import followers
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

NOT_TAKEN = (httpx.HTTPError, PrefectException, RuntimeError)
"""What Prefect's client raises where the server is gone, refuses, or never was."""
EVERY_S = 10.0
"""A step that takes longer is shown as it goes on, and told of no more often than that: each time is a question."""
REPORT = "evaluation.html"
VIEW = "?workflowType=machine_learning"
"""MLflow's pages as they are for models that are trained; they would open as for language models."""


def publish(artifacts: Sequence[Artifact]) -> None:
    """Put artifacts on the present flow run, and on its task run if there is one."""
    if lasting_server() is None:
        return
    for artifact in artifacts:
        try:
            artifact.create()
        except NOT_TAKEN as error:
            log.warning("Prefect did not take the artifact %s: %s", artifact.key, error)


def make_key(name: str, what: str) -> str:
    """Return the key that Prefect knows an artifact by, from run to run: lower case, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", f"{name}-{what}".lower()).strip("-")


def check_artifacts(name: str, report: ValidationReport) -> list[Artifact]:
    """Return a table of every check of the data, those that failed first."""
    checks = sorted(report.checks, key=lambda check: (check.passed, check.severity != "critical"))
    said = f"{report.title}, {report.num_rows:,} rows: {len(report.critical_failures)} critical failures, "
    return [
        TableArtifact(
            key=make_key(name, f"checks-{report.suite}"),
            description=f"{said}{len(report.warnings)} warnings",
            table=[_check_row(check) for check in checks],
        )
    ]


def outcome_artifacts(
    result: RunResult, description: str, metrics: Mapping[str, float], *, pages: str | None, experiment_id: str
) -> list[Artifact]:
    """Return what a run of the line came to: the verdict, scores, gates, and where more of it is.

    Args:
        result: Of the run.
        description: Its summary in Markdown, as MLflow shows it.
        metrics: Its MLflow run's.
        pages: Address of MLflow's pages; None where nobody serves them now.
        experiment_id: Of its MLflow run.
    """
    name = result.model
    unchanged = "Nothing changed since this run; it was taken again.\n\n" if result.unchanged else ""
    standing = f"{escape(result.standing)}\n\n" if result.standing else ""
    return [
        MarkdownArtifact(
            key=make_key(name, "verdict"),
            description=f"Version {result.version} of {name}: {'promoted' if result.promoted else 'not promoted'}",
            markdown=f"{unchanged}{standing}{description}",
        ),
        TableArtifact(
            key=make_key(name, "scores"),
            description=f"Candidates on the folds, and those that came so far on {result.rows['test']:,} test rows",
            table=score_rows(result, metrics),
        ),
        TableArtifact(
            key=make_key(name, "gates"),
            description="What a challenger must keep to become champion",
            table=[
                {
                    "gate": gate.name,
                    "verdict": "passed" if gate.passed else "failed",
                    "value": f"{gate.value:.4f}",
                    "limit": f"{gate.limit:.4f}",
                    "in words": gate.message,
                }
                for gate in result.gates
            ],
        ),
        *_link_artifacts(result, pages, experiment_id),
    ]


def score_rows(result: RunResult, metrics: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return a row for each candidate: folds and test set, '' where it was not scored."""
    target = get_target(result.target)
    main = target.main
    folds = {name: (one[f"cv_{main}"], one[f"cv_{main}_sd"]) for name, one in result.baseline.items()}
    folds["finetuned"] = result.cv["mean"], result.cv["sd"]
    rows = []
    for name, (mean, sd) in folds.items():
        prefix = "test_" if name == result.candidate else f"test_{name}_"
        scores = {title: metrics.get(f"{prefix}{key}") for key, title in target.shown.items()}
        rows.append(
            {
                "candidate": f"{name} (chosen)" if name == result.candidate else name,
                f"folds, {TITLES[main]}": f"{mean:.4f} ± {sd:.4f}",
                **{f"test, {title}": "" if score is None else f"{score:.4f}" for title, score in scores.items()},
            }
        )
    return rows


def show_outcome(workspace: Workspace, tracking: Tracking, result: RunResult) -> None:
    """Put what a run of the line came to on the present flow run, as its MLflow run tells it.

    Raises:
        ServiceError: MLflow does not answer.
    """
    if lasting_server() is None:
        return
    with service_errors(tracking.uri):
        run = tracking.client.get_run(result.run_id)
    publish(
        outcome_artifacts(
            result,
            run.data.tags.get(MLFLOW_RUN_NOTE, escape(result.verdict)),
            run.data.metrics,
            pages=find_pages(workspace, tracking.uri),
            experiment_id=tracking.experiment_id,
        )
    )


def _link_artifacts(result: RunResult, pages: str | None, experiment_id: str) -> list[Artifact]:
    key, run = make_key(result.model, "mlflow-run"), result.run_id
    if pages is None:
        told = (
            f"`thawline ui`, in the workspace, opens MLflow's page of run `{run}`; `{REPORT}` is among its artifacts."
        )
        return [MarkdownArtifact(key=key, description="The MLflow run and its reports", markdown=told)]
    address = f"{pages.rstrip('/')}/#/experiments/{quote(experiment_id)}/runs/{run}"
    asked = "; where it asks for a link, `thawline ui` prints one"
    return [
        LinkArtifact(
            key=key, description=f"The MLflow run{asked}", link=address + VIEW, link_text=f"MLflow run {run[:8]}"
        ),
        LinkArtifact(
            key=make_key(result.model, "evaluation"),
            description=f"The whole evaluation as a page{asked}",
            link=f"{address}/artifacts/{REPORT}{VIEW}",
            link_text=REPORT,
        ),
    ]


def _check_row(check: Check) -> dict[str, Any]:
    return {
        "expectation": check.name.removeprefix("expect_").replace("_", " "),
        "column": check.column or "",
        "severity": check.severity,
        "verdict": "passed" if check.passed else "failed",
        "value": "" if check.value is None else check.value,
        "limit": "" if check.limit is None else check.limit,
        "in words": check.message,
    }


@dataclass
class _Step:
    """A step that goes on: when it was told of last, and its artifact once it has one."""

    told_s: float
    artifact: UUID | None = None


@dataclass
class _Follower:
    """Shows on the flow run of a workspace how far its long steps are."""

    name: str
    steps: dict[str, _Step] = field(default_factory=dict)

    def __call__(self, description: str, share: float) -> None:
        """Tell of a step that is so far (0 to 1), unless it was told of just now."""
        now = time.monotonic()
        step = self.steps.setdefault(description, _Step(now))
        is_over = share >= 1
        if is_over:
            del self.steps[description]
        if now - step.told_s >= EVERY_S or (is_over and step.artifact is not None):
            step.told_s = now
            self._tell(description, step, 100 * share)

    def _tell(self, description: str, step: _Step, percent: float) -> None:
        try:
            if step.artifact is None:
                key = make_key(self.name, description)
                step.artifact = cast("UUID", create_progress_artifact(percent, key=key, description=description))
            else:
                update_progress_artifact(step.artifact, percent)
        except NOT_TAKEN as error:
            log.warning("Prefect was not told how far '%s' is: %s", description, error)


@contextmanager
def following_steps(name: str) -> Iterator[None]:
    """Show how far the long steps of the block are, on the flow run of the workspace of that name."""
    if lasting_server() is None:
        yield
        return
    follower = _Follower(name)
    followers.append(follower)
    try:
        yield
    finally:
        followers.remove(follower)
