"""What DVC reads of a run says each score once, and nothing that differs between two equal runs."""

from tasks.reports.dvc_files import metrics_of
from tasks.results.outcomes import RunResult


def result(**changes: object) -> RunResult:
    values = {
        "run_id": "r1",
        "experiment": "mails",
        "model": "mails",
        "version": "1",
        "aliases": [],
        "promoted": True,
        "registered": True,
        "verdict": "Promoted.",
        "candidate": "finetuned",
        "gates": [],
        "metrics": {"f1_macro": 0.9, "accuracy": 0.8},
        "intervals": {},
        "baseline": {"majority": {"cv_f1_macro": 0.3, "cv_f1_macro_sd": 0.0}},
        "cv": {"mean": 0.85, "sd": 0.01, "folds": {}},
        "seconds": {"baseline": 1.0},
        "data_version": "v1",
        "rows": {"train": 80, "test": 20},
        "mlflow_uri": "sqlite:///mlflow.db",
    }
    return RunResult.model_validate({**values, **changes})


def test_metrics_are_nested_by_what_they_are_of() -> None:
    assert metrics_of(result()) == {
        "mlflow_run": "r1",
        "candidate": "finetuned",
        "promoted": 1,
        "test": {"accuracy": 0.8, "f1_macro": 0.9},
        "folds": {"f1_macro": 0.85, "f1_macro_sd": 0.01},
        "baselines": {"majority": 0.3},
        "gates_failed": 0,
    }


def test_what_a_run_that_is_taken_again_took_is_not_said() -> None:
    assert metrics_of(result(seconds={"baseline": 2.0}, unchanged=True)) == metrics_of(result())


def test_of_numbers_the_score_that_decides_is_told() -> None:
    scores = {"cv_r2": 0.0, "cv_r2_sd": 0.0, "cv_mae": 2.0}
    told = metrics_of(result(target="number", baseline={"mean": scores}, metrics={"r2": 0.5}))
    assert told["folds"] == {"r2": 0.85, "r2_sd": 0.01}
    assert told["baselines"] == {"mean": 0.0}
