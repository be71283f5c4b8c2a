"""The audit's page is inert, and rows left out are left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from tasks.candidates.estimators import cross_validate_baseline, weight_options
from tasks.candidates.label_audit import LabelAudit, audit_labels, record_effect, render_issues
from tasks.tracking.runs import Tracking
from tasks.training.row_weights import name_rows, row_weights, trained_on
from thawline.context import Context
from thawline.formats.frames import write_frame
from thawline.params import Params


def test_the_page_escapes_what_the_data_says() -> None:
    hostile = "<script>alert(1)</script>"
    issues = pd.DataFrame({"source": [hostile], "given": [hostile], "score": [0.01234], "excerpt": [hostile]})
    page = render_issues(issues, LabelAudit(approach=hostile, num_rows=9, num_flagged=1))
    assert "<script>" not in page
    assert page.count("&lt;script&gt;") == 4
    assert "0.0123" in page


def test_rows_left_out_are_named_by_what_they_are(tmp_path: Path) -> None:
    context = Context(root=tmp_path, params=Params(name="test"), data_version="v", code_version="c")
    name = name_rows(context, np.array([5, 2, 5]))
    assert name == name_rows(context, np.array([2, 5]))
    assert name != name_rows(context, np.array([2]))
    fitted = context.model_copy(update={"left_out": name})
    assert trained_on(fitted, np.arange(7)).tolist() == [0, 1, 3, 4, 6]
    assert fitted.key() != context.key()
    assert name_rows(context, np.array([], dtype=np.int64)) == ""
    assert trained_on(context, np.arange(3)).tolist() == [0, 1, 2]


def test_rows_that_count_less_are_trained_on_and_named_by_their_weight_too(tmp_path: Path) -> None:
    context = Context(root=tmp_path, params=Params(name="test"), data_version="v", code_version="c")
    names = [name_rows(context, np.array([2, 5]), weight=weight) for weight in (0.25, 0.5, 0.0)]
    assert len(set(names)) == 3
    fitted = context.model_copy(update={"left_out": names[0]})
    assert trained_on(fitted, np.arange(7)).tolist() == list(range(7))
    weights = row_weights(fitted, 7)
    assert weights is not None
    assert weights.tolist() == [1, 1, 0.25, 1, 1, 0.25, 1]
    assert row_weights(context, 7) is None
    assert row_weights(context.model_copy(update={"left_out": names[2]}), 7) is None


class Recorder:
    """Stands for MLflow's client: keeps what is logged."""

    def __init__(self) -> None:
        self.logged: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments, **options: self.logged.append((name, arguments, options))


def noisy_texts(num_rows: int = 240, num_wrong: int = 12) -> tuple[pd.DataFrame, set[int]]:
    """Return training rows of two kinds of texts, some under the wrong label, and which."""
    generator = np.random.default_rng(0)
    words = {"a": ["tree", "leaf", "root", "bark", "moss"], "b": ["wheel", "gear", "axle", "brake", "fuel"]}
    truth = np.array(["a", "b"] * (num_rows // 2))
    wrong = generator.permutation(num_rows)[:num_wrong]
    labels = truth.copy()
    labels[wrong] = np.where(truth[wrong] == "a", "b", "a")
    texts = [f"{' '.join(generator.choice(words[label], size=6))} number {row}" for row, label in enumerate(truth)]
    frame = pd.DataFrame(
        {
            "row_id": [f"{row:016x}" for row in range(num_rows)],
            "text": texts,
            "label": labels,
            "source": "rows.csv",
            "source_row": range(num_rows),
            "group": range(num_rows),
            "fold": np.arange(num_rows) // 2 % 5,
        }
    )
    return frame, {int(row) for row in wrong}


def test_wrong_labels_are_reported_and_training_without_them_is_measured(tmp_path: Path) -> None:
    params = Params.model_validate({"name": "test", "audit": {"policy": "drop"}})
    context = Context(root=tmp_path, params=params, data_version="noisy", code_version="c")
    frame, wrong = noisy_texts()
    write_frame(frame, context.workspace.train_rows)
    tracking: Any = Tracking(client=Recorder(), uri="", experiment_id="1")  # type: ignore[arg-type]
    baselines = [cross_validate_baseline.fn(context, name) for name in ("majority", "tfidf_logistic")]

    audit = audit_labels.fn(context, tracking, "run", baselines)
    assert audit.approach == "tfidf_logistic"
    table = pd.read_csv(context.workspace.reports / "label_issues.csv")
    found = set(table["source_row"])
    assert len(found & wrong) >= 0.6 * len(wrong)
    assert len(found & wrong) >= 0.5 * len(found)
    assert table["score"].is_monotonic_increasing
    assert (context.workspace.reports / "label_issues.html").is_file()

    fitted = context.model_copy(update={"left_out": audit.left_out})
    without = [cross_validate_baseline.fn(fitted, each.name) for each in baselines]
    assert sum(fold.num_fitted for fold in without[1].folds) == 4 * (len(frame) - len(found))
    scored = [fold.predictions for fold in (*baselines[1].folds, *without[1].folds)]
    assert len(set(scored)) == 10
    effects = record_effect.fn(context.params.audit, tracking, "run", baselines, without)
    assert set(effects) == {"majority", "tfidf_logistic"}
    assert effects["tfidf_logistic"] == without[1].mean() - baselines[1].mean()
    names = {name for name, _, _ in tracking.client.logged}
    assert {"log_artifact", "log_table", "log_batch"} <= names


def test_wrong_labels_that_count_less_pull_less_in_the_baseline(tmp_path: Path) -> None:
    params = Params.model_validate({"name": "test", "audit": {"policy": "down_weight", "weight": 0.05}})
    context = Context(root=tmp_path, params=params, data_version="weighed", code_version="c")
    frame, wrong = noisy_texts()
    write_frame(frame, context.workspace.train_rows)
    tracking: Any = Tracking(client=Recorder(), uri="", experiment_id="1")  # type: ignore[arg-type]
    before = [cross_validate_baseline.fn(context, "tfidf_logistic")]
    audit = audit_labels.fn(context, tracking, "run", before)
    assert audit.left_out.startswith("weighing-0.05-")

    fitted = context.model_copy(update={"left_out": audit.left_out})
    after = [cross_validate_baseline.fn(fitted, "tfidf_logistic")]
    assert [fold.num_fitted for fold in after[0].folds] == [fold.num_fitted for fold in before[0].folds]
    labels = (frame["label"] == "b").to_numpy(np.int64)
    rows = np.array(sorted(wrong))
    given = [each[0].out_of_fold(len(frame), 2)[rows, labels[rows]].mean() for each in (before, after)]
    assert given[1] < given[0]  # the wrong labels seem less likely still
    record_effect.fn(context.params.audit, tracking, "run", before, after)
    logged = [options for name, _, options in tracking.client.logged if name == "log_batch"]
    assert "label_audit/tfidf_logistic/down_weight" in str(logged) + str(tracking.client.logged)


def test_weights_are_handed_only_to_classifiers_that_take_them() -> None:
    neighbours, logistic = KNeighborsClassifier(), make_pipeline(StandardScaler(), LogisticRegression())
    weights = np.ones(4, dtype=np.float32)
    assert weight_options(neighbours, weights) == {}
    assert weight_options(make_pipeline(StandardScaler(), neighbours), weights) == {}
    assert list(weight_options(logistic, weights)) == ["logisticregression__sample_weight"]
    assert list(weight_options(LogisticRegression(), weights)) == ["sample_weight"]
