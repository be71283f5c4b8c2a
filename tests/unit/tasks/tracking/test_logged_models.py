"""A version is a logged model with files, params, scores and data sets, and MLflow can evaluate it."""

from pathlib import Path

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.entities import Metric
from mlflow.exceptions import MlflowException
from mlflow.models import Model, evaluate
from mlflow.utils.mlflow_tags import MLFLOW_MODEL_VERSIONS, MLFLOW_SOURCE_NAME

from modalities import get_modality
from modalities.predictor import save_baseline
from tasks.judging import registry
from tasks.results.cross_validation import FinalFit
from tasks.tracking.logged_models import (
    DataOf,
    log_model,
    log_model_scores,
    model_of,
    models_of_run,
    register_model,
)
from tasks.tracking.runs import Tracking, load_registered, open_tracking, process_address, start_run
from tasks.upkeep.prune_runs import Item, remove_runs
from thawline.context import Context
from thawline.params import Params

TEXTS = ["win money now", "the patch builds"] * 20


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> Context:
    params = Params.model_validate({"name": "mails", "predict": {"max_error": 0.2}})
    made = Context(root=tmp_path_factory.mktemp("space"), params=params, data_version="abc123", code_version="c")
    made.workspace.train_rows.parent.mkdir(parents=True)
    made.workspace.state.mkdir()
    pd.DataFrame({"text": TEXTS, "label": ["spam", "ham"] * 20}).to_parquet(made.workspace.train_rows)
    return made


@pytest.fixture(scope="module")
def tracking(context: Context) -> Tracking:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        return open_tracking(context.workspace, context.params)


def fit(context: Context) -> FinalFit:
    modality = get_modality("text")
    rows, _ = modality.prepare(modality.to_rows(TEXTS, context.params), context.params)
    estimator = modality.baselines["tfidf_logistic"](context.params).fit(
        modality.baseline_input(rows), np.arange(40) % 2
    )
    save_baseline(context.root / "fit", estimator, params=context.params, classes=["spam", "ham"])
    return FinalFit(name="tfidf_logistic", model=context.root / "fit", seconds=1, num_fitted=40, peak_memory_bytes=1)


@pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning")  # of MLflow's evaluation, about itself
def test_a_version_leads_to_its_model_and_the_model_to_version_run_params_scores_and_data(
    context: Context, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry, "_log_model", registry._log_model.__wrapped__)
    run_id = start_run(tracking, "finetune", role="finetune")
    model_id = registry._log_model(context, tracking, fit(context), run_id, "# The card")
    tracking.client.create_registered_model("mails")
    version = register_model(tracking, "mails", model_id, run_id=run_id, tags={"a": "b"}, description="# The card")
    log_model_scores(tracking, run_id, model_id, {"test_f1_macro": [0.9]}, DataOf("mails test", "abc123"))
    log_model_scores(
        tracking, run_id, model_id, {"candidate_fold_f1_macro": [0.8, 0.7]}, DataOf("mails train", "abc123")
    )

    (model,) = models_of_run(tracking, run_id)
    assert (model.status.value, model.name, model.model_type) == ("READY", "tfidf_logistic", "classifier")
    assert (model.source_run_id, model_of(version)) == (run_id, model.model_id)
    assert (model.params["predict.max_error"], model.params["train.policy"]) == ("0.2", context.params.train.policy)
    assert model.tags[MLFLOW_MODEL_VERSIONS] == '[{"name": "mails", "version": 1}]'
    scored = {(one.key, one.step): (one.value, one.dataset_name) for one in model.metrics}
    assert scored["test_f1_macro", 0] == (0.9, "mails test")
    assert scored["candidate_fold_f1_macro", 1] == (0.7, "mails train")
    run = tracking.client.get_run(run_id)
    assert run.data.metrics["test_f1_macro"] == 0.9
    assert run.data.tags[MLFLOW_SOURCE_NAME].startswith("thawline ")
    assert [output.model_id for output in run.outputs.model_outputs] == [model_id]
    names = {Path(item.path).name for item in tracking.client.list_logged_model_artifacts(model_id)}
    assert {"MLmodel", "card.md", "artifacts", "requirements.txt"} <= names
    assert load_registered(tracking.uri, "mails/1").metadata.model_id == model_id

    given = pd.DataFrame({"text": ["win the money", "patch the build"], "label": ["spam", "ham"]})
    served = load_registered(tracking.uri, "mails/1")
    with process_address(tracking.uri), mlflow.start_run(experiment_id=tracking.experiment_id):
        found = evaluate(
            lambda rows: served.predict(rows[["text"]])["label"].to_numpy(), given, targets="label",
            model_type="classifier", model_id=model_id, evaluator_config={"default": {"log_explainer": False}},
        )  # fmt: skip
    assert found.metrics["accuracy_score"] == 1.0
    (model,) = models_of_run(tracking, run_id)
    assert {one.key: one.value for one in model.metrics}["accuracy_score"] == 1.0


def test_a_model_whose_files_do_not_arrive_is_failed_and_goes_with_its_run(
    context: Context, tracking: Tracking
) -> None:
    def fail(_described: Model) -> Path:
        raise OSError("no space left")

    run_id = start_run(tracking, "finetune", role="finetune")
    with pytest.raises(OSError, match="no space"):
        log_model(context, tracking, run_id, name="finetuned", tags={}, save=fail)
    (model,) = models_of_run(tracking, run_id)
    assert model.status.value == "FAILED"
    assert remove_runs(tracking, [Item(kind="runs", name=run_id, size_bytes=0, unused_days=1)])
    assert models_of_run(tracking, run_id) == []
    with pytest.raises(MlflowException, match="not found"):
        tracking.client.get_logged_model(model.model_id)


def test_a_version_from_before_has_no_model_and_its_scores_are_the_run_s(context: Context, tracking: Tracking) -> None:
    run_id = start_run(tracking, "finetune", role="finetune")
    tracking.client.create_registered_model("old")
    assert model_of(tracking.client.create_model_version("old", context.root.as_uri(), run_id)) is None
    log_model_scores(tracking, run_id, None, {"test_f1_macro": [0.9]}, DataOf("mails test", "abc"))
    (metric,) = tracking.client.get_metric_history(run_id, "test_f1_macro")
    assert isinstance(metric, Metric)
    assert (metric.value, metric.model_id) == (0.9, None)
