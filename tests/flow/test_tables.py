"""A stranger's table, from a spreadsheet's CSV to predictions of its champion."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
from line import change_params, run_thawline

QUICK = {
    "ingest": {"decimal": ","},
    "split": {"num_folds": 2},
    "ft_transformer": {"width": 16, "num_blocks": 2, "num_heads": 2},
    "pretrain": {"num_epochs": 2},
    "train": {"num_epochs": 4, "batch_size": 32, "learning_rate": 0.003},
    "augment": {"corrupted_cells": 0.1},
    "gates": {"min_f1_macro": 0.2, "max_overfitting_gap": 1.0},
}


def customers(num_rows: int) -> pd.DataFrame:
    """Return rows under German names with decimal commas, dates, truth values and gaps everywhere; three classes."""
    rng = np.random.default_rng(0)
    weight, income = rng.normal(70, 10, num_rows), rng.lognormal(7.5, 0.5, num_rows)
    days = pd.Timestamp("1950-01-01") + pd.to_timedelta(rng.integers(0, 20_000, num_rows), unit="D")
    member, city = rng.choice(["ja", "nein"], num_rows), rng.choice(["Köln", "München", "Überlingen"], num_rows)
    value = (weight - 70) / 10 + (member == "ja") + (city == "Köln")
    table = pd.DataFrame(
        {
            "Gewicht (kg)": [f"{number:.1f}".replace(".", ",") for number in weight],
            "Einkommen €": [f"{number:.2f}".replace(".", ",") for number in income],
            "Geburtstag": days.strftime("%d.%m.%Y"),
            "Mitglied": member,
            "Stadt": city,
        }
    )
    table = table.mask(rng.random(table.shape) < 0.1)
    return table.assign(Klasse=np.select([value > 1.6, value > 0.3], ["hoch", "mittel"], "niedrig"))


def test_a_strangers_table_runs_to_a_champion_that_answers_raw_rows(tmp_path: Path) -> None:
    table = customers(260)
    table.to_csv(tmp_path / "kunden.csv", sep=";", index=False)
    directory = tmp_path / "kunden"
    made = run_thawline(
        "init", str(directory), "--modality", "tabular", "--data", "kunden.csv", "--label", "Klasse", cwd=tmp_path
    )
    assert made.code == 0, made.told
    change_params(directory, QUICK)
    outcome = run_thawline("run", cwd=directory)
    assert outcome.code == 0, outcome.told
    assert outcome.json["version"]
    encoders = [path for path in (directory / ".thawline" / "encoders").iterdir() if path.is_dir()]
    assert len(encoders) == 3, "each fold has its own, and the final fit"
    table.drop(columns="Klasse").head(9).to_csv(tmp_path / "neu.csv", sep=";", index=False)
    predicted = run_thawline("predict", "../neu.csv", "--alias", "challenger", cwd=directory)
    assert predicted.code == 0, predicted.told
    answers = predicted.json["predictions"]
    assert len(answers) == 9
    assert {row["predicted_label"] for row in answers} <= {"hoch", "mittel", "niedrig"}


def test_a_price_is_estimated_from_a_spreadsheet_to_answers_with_an_interval(tmp_path: Path) -> None:
    table = customers(260).drop(columns="Klasse")
    price = pd.Series(np.random.default_rng(1).normal(size=len(table)) + 10 * (table["Mitglied"] == "ja"))
    table.assign(Preis=price.map("{:.2f}".format).str.replace(".", ",")).to_csv(
        tmp_path / "preise.csv", sep=";", index=False
    )
    directory = tmp_path / "preise"
    asked = ("--modality", "tabular", "--target", "number", "--data", "preise.csv", "--label", "Preis")
    made = run_thawline("init", str(directory), *asked, cwd=tmp_path)
    assert made.code == 0, made.told
    change_params(directory, QUICK | {"augment": {}, "gates": {"min_r2": 0.5}})
    outcome = run_thawline("run", cwd=directory)
    assert outcome.code == 0, outcome.told
    assert outcome.json["promoted"], outcome.told
    assert json.loads((directory / "reports" / "metrics.json").read_text())["folds"]["r2"] > 0.5
    table.head(9).to_csv(tmp_path / "neu.csv", sep=";", index=False)
    predicted = run_thawline("predict", "../neu.csv", cwd=directory)
    assert predicted.code == 0, predicted.told
    answers = predicted.json["predictions"]
    assert all(row["value_low"] < row["predicted_value"] < row["value_high"] for row in answers)
