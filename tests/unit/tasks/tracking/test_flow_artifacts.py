"""What a flow run shows in Prefect: the content of its artifacts, and what happens where Prefect does not take one."""

import logging
import re

import httpx
import pytest
from prefect.artifacts import Artifact, LinkArtifact, MarkdownArtifact, TableArtifact

from expectations.report import Check, ValidationReport
from tasks.results.outcomes import RunResult
from tasks.tracking import flow_artifacts
from tasks.tracking.flow_artifacts import check_artifacts, following_steps, make_key, outcome_artifacts, publish
from thawline.scores.gates import Gate
from thawline.system.console import followers, progress

RESULT = RunResult(
    run_id="4f2a91c7aa",
    experiment="mails",
    model="mails",
    version="3",
    aliases=[],
    promoted=False,
    registered=True,
    verdict="Refused: finetuned failed 1 of 2 gates.",
    candidate="finetuned",
    gates=[
        Gate(name="metric floor", passed=True, value=0.91, limit=0.5, message="enough"),
        Gate(name="recall kept", passed=False, value=0.051234, limit=0.02, message="recall falls"),
    ],
    metrics={"f1_macro": 0.91},
    intervals={},
    baseline={"majority": {"cv_f1_macro": 0.33, "cv_f1_macro_sd": 0.0}},
    cv={"mean": 0.9, "sd": 0.01, "folds": [0.9]},
    seconds={},
    data_version="abc",
    rows={"train": 80, "test": 20},
    mlflow_uri="sqlite:///mlflow.db",
)


def test_the_outcome_is_a_verdict_scores_gates_and_links_that_lead_to_mlflow() -> None:
    metrics = {"test_f1_macro": 0.91, "test_accuracy": 0.92, "test_majority_f1_macro": 0.4}
    verdict, scores, gates, run, page = outcome_artifacts(
        RESULT, "**Refused**", metrics, pages="http://127.0.0.1:5000", experiment_id="7"
    )
    assert isinstance(verdict, MarkdownArtifact)
    assert verdict.markdown == "**Refused**"
    assert isinstance(scores, TableArtifact)
    first, second = scores.table
    assert (first["candidate"], first["folds, macro-F1"], first["test, accuracy"]) == (
        "majority",
        "0.3300 ± 0.0000",
        "",
    )  # type: ignore[call-overload,index]
    assert (second["candidate"], second["test, accuracy"]) == ("finetuned (chosen)", "0.9200")  # type: ignore[call-overload,index]
    assert isinstance(gates, TableArtifact)
    assert [(row["gate"], row["verdict"], row["value"]) for row in gates.table] == [  # type: ignore[call-overload,index]
        ("metric floor", "passed", "0.9100"),
        ("recall kept", "failed", "0.0512"),
    ]
    assert isinstance(run, LinkArtifact)
    assert isinstance(page, LinkArtifact)
    assert run.link == "http://127.0.0.1:5000/#/experiments/7/runs/4f2a91c7aa?workflowType=machine_learning"
    assert page.link.endswith("/4f2a91c7aa/artifacts/evaluation.html?workflowType=machine_learning")


def test_without_pages_of_mlflow_the_command_that_opens_them_is_said() -> None:
    *_, last = outcome_artifacts(RESULT, "", {}, pages=None, experiment_id="7")
    assert isinstance(last, MarkdownArtifact)
    assert "`thawline ui`" in last.markdown
    assert RESULT.run_id in last.markdown


def test_checks_that_failed_come_first_the_critical_ones_before_all() -> None:
    named = [("a", True, "critical"), ("b", False, "warning"), ("c", False, "critical")]
    checks = tuple(
        Check.model_validate(
            {"name": f"expect_{name}_b", "column": None, "severity": severity, "passed": passed, "value": None}
            | {"limit": 0.5, "message": "", "num_unexpected": 0, "examples": ()}
        )
        for name, passed, severity in named
    )
    report = ValidationReport(
        title="mails: data/raw", suite="raw", num_rows=300, rows_per_class={}, sources=(), checks=checks
    )
    (table,) = check_artifacts("My Mails", report)
    assert isinstance(table, TableArtifact)
    assert [row["expectation"] for row in table.table] == ["c b", "b b", "a b"]  # type: ignore[call-overload,index]
    assert table.key == "my-mails-checks-raw"
    assert table.description == "mails: data/raw, 300 rows: 1 critical failures, 1 warnings"


@pytest.mark.parametrize("what", ["head of fold 1, all rows", "pretrain on 1,200 rows", "Überblick"])
def test_keys_keep_prefects_rule(what: str) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", make_key("Mails_2", what))


def test_an_artifact_that_prefect_does_not_take_is_logged_and_the_run_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(flow_artifacts, "lasting_server", lambda: "http://127.0.0.1:1/api")

    def refuse(_self: Artifact) -> None:
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr(Artifact, "create", refuse)
    with caplog.at_level(logging.WARNING, "tasks"):
        publish([MarkdownArtifact(key="mails-verdict", markdown="")])
    assert "mails-verdict: nobody there" in caplog.text


def test_a_long_step_is_told_of_seldom_and_a_short_one_never(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[str, float]] = []
    clock = iter([0.0, 4.0, 11.0, 14.0, 22.0, 23.0, 24.0, 30.0])
    monkeypatch.setattr(flow_artifacts, "lasting_server", lambda: "http://127.0.0.1:4200/api")
    monkeypatch.setattr(flow_artifacts.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(
        flow_artifacts, "create_progress_artifact", lambda share, **named: told.append((named["key"], share)) or "id"
    )
    monkeypatch.setattr(flow_artifacts, "update_progress_artifact", lambda made, share: told.append((made, share)))
    with following_steps("mails"):
        with progress("folds", 4) as advance:  # begun at 0 s; told at 4, 11, 14 and 22 s, over at 23 s
            for _ in range(4):
                advance()
        with progress("head", 1):
            pass
    assert told == [("mails-folds", 50.0), ("id", 100.0)]
    assert followers == []


def test_where_the_server_ends_with_the_command_nothing_is_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_artifacts, "lasting_server", lambda: None)
    monkeypatch.setattr(Artifact, "create", lambda _self: pytest.fail("was made"))
    publish([MarkdownArtifact(key="mails-verdict", markdown="")])
    with following_steps("mails"):
        assert followers == []
