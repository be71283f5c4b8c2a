"""The whole line on real mails: what a run promises, seen from outside."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pandas as pd
import pytest
from line import ROOT, Finished, Outcome, change_params, make_workspace, run_thawline
from mlflow import MlflowClient
from session import prefect_api

from tasks.tracking.runs import load_registered
from tasks.versions.dvc_repo import reproduce_data
from thawline.workspace import Workspace

pytestmark = pytest.mark.slow


def test_the_first_run_ends_with_a_champion_and_says_all_that_was_promised(finished: Finished) -> None:
    assert finished.first.code == 0, finished.first.told
    result = finished.first.json
    promised = (
        "run_id experiment model version aliases promoted verdict gates metrics baseline cv seconds data_version rows"
    )
    assert set(promised.split()) <= set(result)
    assert result["promoted"] is True
    assert result["aliases"] == ["challenger", "champion"]
    assert len(result["cv"]["folds"]) == 5
    assert result["metrics"]["f1_macro"] > 0.8
    assert all(gate["passed"] for gate in result["gates"])


def test_what_a_run_writes_is_readable_by_its_owner_alone(finished: Finished) -> None:
    rooms = [finished.directory / name for name in (".thawline", "data", "reports", ".dvc")]
    assert [room.name for room in rooms if room.stat().st_mode & 0o077] == []
    written = [path for room in rooms[:3] for path in room.rglob("*") if not path.is_symlink()]
    assert len(written) > 50
    open_to_others = [path for path in written if path.stat().st_mode & 0o077]
    others = ("served_model.py", "registered_model_meta")  # our code, and what MLflow notes where others load a model
    no_secret = [path for path in open_to_others if "code" in path.parts or path.name in others]
    assert sorted({*open_to_others} - {*no_secret}) == []


def test_mlflow_holds_the_run_tree_its_curves_files_and_one_version(finished: Finished) -> None:
    client = MlflowClient(finished.mlflow_uri)
    parent = client.get_run(finished.first.json["run_id"])
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    names = sorted(run.info.run_name for run in children)
    baselines = [f"baseline/{name}" for name in ("frozen_logistic", "majority", "tfidf_logistic")]
    assert names == [*baselines, "blend", "final", *(f"fold {n}" for n in range(1, 6))]
    fold = next(run for run in children if run.info.run_name == "fold 1")
    for metric in ("train_loss", "validation_loss", "accuracy", "precision_macro", "recall_macro", "f1_macro"):
        history = client.get_metric_history(fold.info.run_id, metric)
        assert [point.step for point in history] == list(range(1, len(history) + 1)), metric
        assert len(history) >= 2, metric
    files = {
        item.path
        for folder in ("", "figures", "data", "reports")
        for item in client.list_artifacts(parent.info.run_id, folder)
    }
    assert {"epochs.json", "out_of_fold.json", "result.json", "data/dvc.lock", "data/params.yaml"} <= files
    assert {f"figures/{name}.png" for name in ("learning_curves", "confusion_test", "approaches")} <= files
    assert {"reports/validation_raw.html", "reports/validation_processed.json"} <= files
    table = json.loads(Path(client.download_artifacts(parent.info.run_id, "epochs.json")).read_text(encoding="utf-8"))
    assert {"Epoch", "Training Loss", "Validation Loss", "Accuracy", "F1-Score"} <= set(table["columns"])
    assert parent.data.params["model.max_tokens"] == "32"
    assert {entry.dataset.name for entry in parent.inputs.dataset_inputs} == {"mails train", "mails test"}
    assert len(client.search_model_versions("name = 'mails'")) == 1


def test_no_pickle_is_in_the_model(finished: Finished) -> None:
    artifacts = finished.directory / ".thawline" / "mlartifacts"
    files = [path for path in artifacts.rglob("*") if path.is_file()]
    assert any(path.suffix in {".safetensors", ".skops"} for path in files)
    assert not [path for path in files if path.suffix in {".pkl", ".pickle", ".pt", ".pth", ".bin", ".joblib"}]


def test_the_champion_answers_raw_texts_with_label_and_probabilities(finished: Finished) -> None:
    model = load_registered(finished.mlflow_uri, "mails@champion")
    texts = [
        "Dear friend, claim your FREE prize money now!!! Click here",
        "The patch fixes the build on Debian, thanks.",
        "",
    ]
    answer = model.predict(pd.DataFrame({"text": texts}))
    assert list(answer.columns) == ["label", "probability_ham", "probability_spam"]
    assert answer["label"].isin(["ham", "spam"]).tolist() == [True, True, False]
    assert answer["label"][2] is None, "there is nothing to answer on"
    assert answer[["probability_ham", "probability_spam"]].sum(axis=1).round(6).tolist() == [1, 1, 1]
    assert answer["probability_spam"][0] > answer["probability_spam"][1]


def test_predict_keeps_the_order_and_agrees_with_the_loaded_model(
    finished: Finished, mails: Path, tmp_path: Path
) -> None:
    rows = pd.read_csv(mails).sample(20, random_state=1)[["text"]].assign(mine=range(20))
    rows.to_csv(tmp_path / "new.csv", index=False)
    outcome = run_thawline(
        "predict", str(tmp_path / "new.csv"), "-o", str(tmp_path / "out.csv"), cwd=finished.directory
    )
    assert outcome.code == 0, outcome.told
    written = pd.read_csv(tmp_path / "out.csv")
    assert written["mine"].tolist() == list(range(20))
    direct = load_registered(finished.mlflow_uri, "mails@champion").predict(rows[["text"]])
    assert written["predicted_label"].tolist() == direct["label"].tolist()
    assert (written["model_version"].astype(str) == outcome.json["version"]).all()


def test_the_same_again_changes_nothing_and_fresh_gives_the_same_digits_with_folds_in_processes_of_their_own(
    finished: Finished,
) -> None:
    reports = finished.directory / "reports"
    (reports / "validation_raw.html").unlink()
    kept = (reports / "validation_processed.json").stat().st_mtime_ns
    again = run_thawline("run", cwd=finished.directory)
    assert again.json["unchanged"] is True
    assert (reports / "validation_raw.html").is_file(), "what was tidied away is made anew"
    assert (reports / "validation_processed.json").stat().st_mtime_ns == kept, "what is there is not checked again"
    assert again.json["run_id"] == finished.first.json["run_id"]
    assert "stage ingest: unchanged, skipped" in again.told
    (flow_run_id,) = re.findall(r"Prefect +http://\S+/runs/flow-run/(\S+)", again.told)
    assert httpx.get(f"{prefect_api()}/flow_runs/{flow_run_id}").json()["name"] == "mails: by hand"
    fresh = run_thawline("run", "--fresh", "--set", "runner.kind=process", cwd=finished.directory)
    assert fresh.code == 0, fresh.told
    assert fresh.json["run_id"] != finished.first.json["run_id"]
    needs = read_graph(fresh)
    assert needs["validate raw"] == {"obtain data"}
    assert needs["preprocess"] == {"validate raw"}
    assert needs["validate processed"] == {"preprocess"}
    assert needs["frozen layers"] == needs["baseline tfidf_logistic"] == {"record version"}
    assert needs["heads"] == {"frozen layers"}
    assert needs["fold 0, 2 phases"] == {"heads"}
    assert needs["fold 0 on all rows, 2 phases"] == {"fold 0, 2 phases"}
    assert needs["evaluate"] == {name for name in needs if name.startswith("calibrate ")}
    assert needs["register"] == {"gates", f"calibrate {fresh.json['candidate']}"}
    assert needs["outcome pages"] == {"register"}
    for key in ("metrics", "cv", "baseline", "gates", "version"):
        assert fresh.json[key] == finished.first.json[key], key
    assert fresh.json["registered"] is False
    assert "not registered again" in fresh.told
    assert len(MlflowClient(finished.mlflow_uri).search_model_versions("name = 'mails'")) == 1


def read_graph(outcome: Outcome) -> dict[str, set[str]]:
    """Return, by name, which tasks each task of a run comes after, as Prefect draws it."""
    (flow_run_id,) = re.findall(r"runs/flow-run/(\S+)", outcome.told)
    nodes = dict(httpx.get(f"{prefect_api()}/flow_runs/{flow_run_id}/graph-v2").json()["nodes"])
    names = {key: re.sub(r"-[0-9a-f]{3}$", "", node["label"]) for key, node in nodes.items()}
    return {names[key]: {names[parent["id"]] for parent in node["parents"]} for key, node in nodes.items()}


def test_a_search_is_recorded_trial_by_trial_and_its_winner_is_what_is_trained(finished: Finished) -> None:
    rates, sizes = '{"low": 0.001, "high": 0.05, "log": true}', '{"choices": [0, 32]}'
    space = f'{{"train.head_learning_rate": {rates}, "train.batch_size": {sizes}}}'
    asked = ("search.strategy=bayesian", "search.num_trials=6", f"search.space={space}", "model.head_layers=1")
    outcome = run_thawline("run", *[part for one in asked for part in ("--set", one)], cwd=finished.directory)
    assert outcome.code == 0, outcome.told
    found = outcome.json["search"]
    assert [trial["number"] for trial in found["trials"]] == list(range(6))
    winner = found["trials"][found["winner"]]
    assert winner["score"] >= found["trials"][0]["score"]
    client = MlflowClient(finished.mlflow_uri)
    parent = client.get_run(outcome.json["run_id"])
    children = client.search_runs([parent.info.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
    trials = {run.info.run_name: run for run in children if run.info.run_name.startswith("trial")}
    assert sorted(trials) == [f"trial {number:02d}" for number in range(6)]
    for trial in found["trials"]:
        failed = trial["changes"].get("train.batch_size") == 0
        assert bool(trial["reason"]) == failed
        assert trials[f"trial {trial['number']:02d}"].info.status == ("FAILED" if failed else "FINISHED")
    assert parent.data.tags["thawline.search.winner"] == f"trial {found['winner']:02d}"
    assert {"winner.train.head_learning_rate", "winner.train.batch_size"} <= set(parent.data.params)
    figures = {Path(item.path).name for item in client.list_artifacts(parent.info.run_id, "figures")}
    assert "search_trials.png" in figures


def test_runs_and_show_tell_the_same_verdict(finished: Finished) -> None:
    listed = run_thawline("runs", cwd=finished.directory)
    assert finished.first.json["run_id"] in [row["run_id"] for row in listed.json["runs"]]
    shown = run_thawline("show", finished.first.json["run_id"][:8], cwd=finished.directory)
    assert shown.json["verdict"] == finished.first.json["verdict"]
    assert run_thawline("show", "nonsense", cwd=finished.directory).code == 2
    itself = finished.first.json["run_id"]
    same = run_thawline("diff", itself[:10], itself, cwd=finished.directory)
    assert same.code == 0, same.told
    assert same.json["num_paired"] == finished.first.json["rows"]["train"]
    assert same.json["cells"] == {}
    assert same.json["comparison"]["f1_interval"] == [0, 0]


def test_a_cleaning_param_runs_clean_and_split_again_but_not_ingest(tmp_path: Path, mails: Path) -> None:
    workspace = Workspace(make_workspace(tmp_path / "space", mails))
    assert reproduce_data(workspace).ran == ["ingest", "clean", "split"]
    assert reproduce_data(workspace).skipped == ["ingest", "clean", "split"]
    change_params(workspace.root, {"clean": {"max_chars": 500}})
    changed = reproduce_data(workspace)
    assert changed.ran == ["clean", "split"]
    assert changed.skipped == ["ingest"]


def with_flipped_copies(mails: Path, target: Path) -> Path:
    frame = pd.read_csv(mails)
    flipped = frame.head(30).assign(label=frame["label"].head(30).map({"ham": "spam", "spam": "ham"}))
    pd.concat([frame, flipped]).to_csv(target, index=False)
    return target


def test_thirty_mails_with_the_opposite_label_stop_the_line_until_a_policy_says_drop(
    tmp_path: Path, mails: Path
) -> None:
    directory = make_workspace(tmp_path / "space", with_flipped_copies(mails, tmp_path / "mails.csv"))
    written = (directory / "params.yaml").read_bytes()
    refused = run_thawline("run", cwd=directory)
    assert refused.code == 3
    assert "clean.conflicting_labels" in refused.json["error"]
    report = json.loads((directory / "reports" / "validation_raw.json").read_text(encoding="utf-8"))
    check = next(check for check in report["checks"] if not check["passed"] and check["severity"] == "critical")
    assert check["num_unexpected"] == 60
    assert all(f"row {example['row']} " in refused.json["error"] for example in check["examples"][:3])
    assert not (directory / "data" / "processed").exists()
    client = MlflowClient(f"sqlite:///{directory}/.thawline/mlflow.db")
    assert client.search_registered_models() == []
    going_on = run_thawline(
        "run", "--set", "clean.conflicting_labels=drop", "--set", "train.policy=head_only", cwd=directory
    )
    assert going_on.code == 0, going_on.told
    cleaning = json.loads((directory / "reports" / "cleaning.json").read_text(encoding="utf-8"))
    assert cleaning["rows_dropped"]["conflicting_labels"] == 60
    assert (directory / "params.yaml").read_bytes() == written, "--set is for one run"


def test_a_killed_run_is_taken_up_where_it_was_and_registers_once(tmp_path: Path, mails: Path) -> None:
    directory = make_workspace(tmp_path / "space", mails)
    change_params(directory, {"split": {"num_folds": 3}})
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PREFECT_API_URL": prefect_api()}
    process = subprocess.Popen(
        [sys.executable, "-m", "flows.cli", "run"], cwd=directory, env=environment, stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 300
    while not list((directory / ".thawline" / "steps").rglob("fold-1.npz")) and time.monotonic() < deadline:
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    busy_or_done: Outcome = run_thawline("run", cwd=directory)
    assert busy_or_done.code == 0, busy_or_done.told
    client = MlflowClient(f"sqlite:///{directory}/.thawline/mlflow.db")
    assert len(client.search_model_versions("name = 'space'")) == 1
    experiment = client.get_experiment_by_name("space")
    runs = client.search_runs([experiment.experiment_id])
    assert [run.info.run_id for run in runs if run.info.status == "RUNNING"] == []


SUBJECTS = {
    "Sport": ["das Spiel endete unentschieden", "the team won the cup", "球队赢得了比赛", "टीम ने मैच जीता"],
    "Wetter": ['morgen regnet es, sagt der "Bericht"', "sunny, with clouds\nlater", "明天有雨", "كان الطقس حارا اليوم"],
    "Küche": ["man nehme drei Eier", "boil the pasta; add salt", "加入少许盐", "أضف الملح والفلفل"],
    "Technik": ["der Rechner startet nicht", "install the driver\r\nand reboot", "重启电脑", "كمبيوتر جديد سريع"],
}


def test_a_strangers_file_with_other_columns_four_classes_and_many_scripts_runs_to_a_champion(tmp_path: Path) -> None:
    rows = [
        {"Thema": subject, "Nr": f"{number}", "Beitrag": f"{text} ({number}, {subject[::-1]})"}
        for subject, texts in SUBJECTS.items()
        for number in range(15)
        for text in texts
    ]
    data = tmp_path / "beiträge.csv"
    pd.DataFrame(rows).sample(frac=1, random_state=0).to_csv(data, index=False)
    directory = make_workspace(tmp_path / "meine Beiträge", data, columns=("Thema", "Beitrag"))
    change_params(directory, {"train": {"policy": "head_only"}})
    outcome = run_thawline("run", cwd=directory)
    assert outcome.code == 0, outcome.told
    assert outcome.json["promoted"] is True
    assert outcome.json["rows"]["train"] + outcome.json["rows"]["test"] <= 240
    pd.DataFrame({"Beitrag": ["加入少许盐", 'der Rechner, er "startet" nicht']}).to_csv(
        tmp_path / "new.csv", index=False
    )
    predicted = run_thawline("predict", str(tmp_path / "new.csv"), cwd=directory)
    assert [row["predicted_label"] in SUBJECTS for row in predicted.json["predictions"]] == [True, True]
    assert {f"probability_{subject}" for subject in SUBJECTS} <= set(predicted.json["predictions"][0])
