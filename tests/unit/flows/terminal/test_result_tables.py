"""What the terminal says of a run is what the data's owner wrote, brackets and all."""

import pytest

from flows.terminal.result_tables import print_result, print_runs
from tasks.results.outcomes import RunResult
from thawline.scores.answers import RuleEffect
from thawline.scores.gates import Gate
from thawline.system.console import reply


def told(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(capsys.readouterr().err.split())


def test_a_run_shows_gates_rule_and_export_with_class_names_as_they_are(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply, "width", 200)
    gate = Gate(name="recall kept", passed=False, value=0.1, limit=0.02, message="recall falls for class '[red]x[/]'")
    values = {
        "run_id": "r", "experiment": "mails", "model": "mails", "version": "4", "aliases": [], "promoted": False,
        "registered": True, "verdict": "Refused: it failed.", "candidate": "finetuned", "gates": [gate],
        "metrics": {"f1_macro": 0.8}, "intervals": {}, "baseline": {}, "cv": {"mean": 0.8, "sd": 0.1},
        "seconds": {}, "data_version": "abc", "rows": {"test": 60}, "mlflow_uri": "sqlite://", "onnx": "Not exported.",
        "rule": RuleEffect(objective="f1_macro", weights={"ham": 1.0, "[b]spam": 3.0}),
    }  # fmt: skip
    print_result(RunResult.model_validate(values))
    text = told(capsys)
    assert "recall falls for class '[red]x[/]'" in text
    assert "[b]spam is answered from a probability of 0.2500 on, else ham" in text
    assert "Not exported." in text


def test_the_list_of_runs_shows_a_persons_reason_as_it_was_written(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reply, "width", 200)
    row = {
        "run_id": "0123456789", "started_ms": 0, "status": "FINISHED", "data_version": "abc", "cv_f1_macro": 0.8,
        "test_f1_macro": 0.7, "version": "3", "verdict": "Refused: x", "decision": "2026: see [/ticket 12]",
        "decided_by": "anna",
    }  # fmt: skip
    print_runs([row])
    assert "Refused; by anna: see [/ticket 12]" in told(capsys)
