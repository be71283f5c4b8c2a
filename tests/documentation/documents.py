"""How each block of each document is tested, and what its commands need beside what the document itself makes.

A document is tried in order in one fresh directory, which stands for a clone after `make setup`. A block goes by what
its first line begins with.
"""

import re
from pathlib import Path

from line import change_params
from session import free_port
from tests.documentation.shell import Told
from tests.documentation.treatments import Commands, Parsed, Picture, Printed, Targets, Treatment
from tests.unit.models.conftest import CONFIGS, save_encoder
from workspaces import made_up_texts, wait_for

QUICK = {
    "model": {"encoder": "encoder", "max_tokens": 32},
    "train": {"policy": "gradual", "max_unfrozen_groups": 1, "num_epochs": 1, "head_epochs": 5},
    "split": {"num_folds": 3},
    "arrive": {"cool_down_s": 0, "settle_s": 0.5, "min_new_rows": 1000},
    "validation": {"embedding": False, "min_rows": 20},
    "search": {"num_trials": 2},
    "compare": {"num_seeds": 1, "max_seconds": 20},
}
"""Params that are changed after `thawline init`, so that a run takes seconds: a tiny encoder, few epochs and folds."""


def ports() -> str:
    """Return free ports: those that are printed may be another's on this machine."""
    return f" --prefect-port {free_port()} --mlflow-port {free_port()}"


def reviews(here: Path, name: str, *, seed: int) -> None:
    """Write 120 reviews of one and of five stars."""
    rows = made_up_texts(120, seed=seed)
    stars = rows["label"].map({"spam": 1, "ham": 5})
    rows.drop(columns="label").rename(columns={"text": "review"}).assign(stars=stars).to_csv(here / name, index=False)


def quicken(here: Path) -> None:
    """Change the params of a workspace that was just made, and write its tiny encoder."""
    save_encoder(CONFIGS["bert"](), here / "encoder")
    change_params(here, QUICK)


def new_reviews(here: Path) -> None:
    """Write reviews without stars."""
    made_up_texts(20, seed=2).rename(columns={"text": "review"})[["review"]].to_csv(here / "new.csv", index=False)


def has(*names: str) -> "object":
    """Return a check that files are there."""

    def look(here: Path, _told: Told) -> None:
        assert [name for name in names if not (here / name).is_file()] == []

    return look


def tells(*patterns: str) -> "object":
    """Return a check that a command has printed lines of these patterns."""

    def look(_here: Path, told: Told) -> None:
        assert [pattern for pattern in patterns if not re.search(pattern, told.text)] == [], told.text

    return look


def is_taken(here: Path, _told: Told) -> None:
    """Wait until the file that was dropped is among the accepted ones."""
    wait_for("accepted file", lambda: [*(here / "data" / "raw").glob("new_mails*.csv")])


README: dict[str, Treatment] = {
    "make demo": Targets(),
    "validate raw": Printed(by="test_a_run_prints_what_the_readme_shows"),
    ". .venv/bin/activate": Commands(
        before={
            "thawline init": lambda here: reviews(here, "reviews.csv", seed=0),
            "thawline check": quicken,
            "thawline predict": new_reviews,
        },
        after={
            "thawline check": has("reports/validation_raw.html"),
            "thawline predict": has("predicted.csv"),
        },
    ),
    "thawline compare": Commands(
        after={
            "thawline compare": tells(r"approach +training time +data needed +performance"),
            "thawline run --find-lr": tells("Learning rates", "Try: thawline run --set"),
            "thawline run --set search": tells("^Search: "),
        },
    ),
    "thawline up": Commands(
        before={"cp new_mails.csv": lambda here: reviews(here, "new_mails.csv", seed=1)},
        after={"cp new_mails.csv": is_taken},
        servers={"thawline up": "Ctrl-C ends all"},
        added={"thawline up": ports},
    ),
    "export MLFLOW_TRACKING_URI": Commands(
        servers={"mlflow server": "Application startup complete"},
    ),
    "python -c": Commands(after={"python -c": tells("label +probability_1 +probability_5")}),
    " data/raw ──►": Picture(),
}

DOCUMENTS = {"README.md": README}
