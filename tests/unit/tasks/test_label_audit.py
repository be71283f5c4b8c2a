"""The audit's page is inert, and rows left out are left out."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.baseline import cross_validate_baseline
from tasks.label_audit import LabelAudit, audit_labels, record_effect, render_issues
from tasks.left_out import name_rows, trained_on
from tasks.tracking import Tracking
from thawline.context import Context
from thawline.frames import write_frame
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
    effects = record_effect.fn(tracking, "run", baselines, without)
    assert set(effects) == {"majority", "tfidf_logistic"}
    assert effects["tfidf_logistic"] == without[1].mean() - baselines[1].mean()
    names = {name for name, _, _ in tracking.client.logged}
    assert {"log_artifact", "log_table", "log_batch"} <= names
