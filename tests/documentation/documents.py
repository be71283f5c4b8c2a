"""How each block of each document is tested, and what its commands need beside what the document itself makes.

A document is tried in order in one fresh directory, which stands for a clone after `make setup`. A block goes by what
its first line begins with.
"""

import json
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpx
import numpy as np
import pandas as pd
from line import change_params
from mlflow import MlflowClient
from servers import postgresql, s3, s3_environment
from session import ROOT, free_port, give_database, prefect_api
from workspaces import made_up_texts, wait_for

from tasks.upkeep.notifications import SUBJECTS
from tests.documentation.shell import Shell, Told
from tests.documentation.treatments import Commands, Parsed, Picture, Printed, Targets, Treatment
from tests.unit.models.conftest import CONFIGS, save_encoder

QUICK = {
    "model": {"encoder": "encoder", "max_tokens": 32},
    "train": {"policy": "gradual", "max_unfrozen_groups": 1, "num_epochs": 1, "head_epochs": 5},
    "split": {"num_folds": 3},
    "arrive": {"cool_down_s": 0, "settle_s": 0.5, "min_new_rows": 1000},
    "validation": {"embedding": False, "min_rows": 20},
    "search": {"num_trials": 2},
    "compare": {"num_seeds": 1, "max_seconds": 10},
}
"""Params that are changed after `thawline init`, so that a run takes seconds: a tiny encoder, few epochs and folds."""
UVICORN = r"Uvicorn running on (http://127\.0\.0\.1:\d+)"
"""What a server prints once it answers."""
Look = Callable[[Shell, Told], None]


def ports() -> str:
    """Return free ports: those that are printed may be another's on this machine."""
    return f" --prefect-port {free_port()} --mlflow-port {free_port()}"


def a_port() -> str:
    """Return a free port, likewise."""
    return f" --port {free_port()}"


def reviews(name: str, *, seed: int) -> Callable[[Shell], None]:
    """Return what writes 120 reviews of one and of five stars."""

    def write(shell: Shell) -> None:
        rows = made_up_texts(120, seed=seed).rename(columns={"text": "review"})
        stars = rows.pop("label").map({"spam": 1, "ham": 5})
        rows.assign(stars=stars).to_csv(shell.here() / name, index=False)

    return write


def new_reviews(shell: Shell) -> None:
    """Write reviews without stars."""
    rows = made_up_texts(20, seed=2).rename(columns={"text": "review"})
    rows[["review"]].to_csv(shell.here() / "new.csv", index=False)


def quicken(shell: Shell) -> None:
    """Change the params of a workspace that was just made, and write its tiny encoder and its server's database."""
    save_encoder(CONFIGS["bert"](), shell.here() / "encoder")
    give_database(shell.here() / ".thawline" / "prefect")
    change_params(shell.here(), QUICK)


def have_fetched_an_encoder(shell: Shell) -> None:
    """Put another encoder where fetched ones lie: the real one is 404 MB."""
    cache = shell.directory / "cache"
    save_encoder(CONFIGS["distilbert"](), cache / "thawline" / "encoders" / "mpnet")
    shell.run(f"export XDG_CACHE_HOME={cache}")


def visits(shell: Shell) -> None:
    """Write a table of visits, four of each customer."""
    rng = np.random.default_rng(0)
    customers = np.repeat(np.arange(60), 4)
    rows = {"customer": [f"c{number}" for number in customers], "spent": rng.normal(50, 20, 240).round(2)}
    pd.DataFrame({**rows, "left": np.where(customers % 2, "yes", "no")}).to_csv(
        shell.here() / "visits.csv", index=False
    )


TICKETS = (("parcel", "is late and was paid twice"), ("parcel", "is late"), ("letter", "was nice"))


def houses(shell: Shell) -> None:
    """Write 60 houses with a price."""
    rng = np.random.default_rng(0)
    rooms = rng.integers(1, 9, 60)
    rows = pd.DataFrame({"rooms": rooms, "age": rng.integers(0, 90, 60), "price": 50 * rooms + rng.normal(0, 9, 60)})
    rows.round(2).to_csv(shell.here() / "houses.csv", index=False)


def tickets(shell: Shell) -> None:
    """Write 60 tickets with one topic, two, or none."""
    texts = [f"the {what} of order {number} {how}" for number in range(20) for what, how in TICKETS]
    topics = ["delivery|payment", "delivery", "|"] * 20
    pd.DataFrame({"text": texts, "topics": topics}).to_csv(shell.here() / "tickets.csv", index=False)


def departures(shell: Shell) -> None:
    """Write a table of flights, one an hour."""
    rng = np.random.default_rng(0)
    rows = {"departs": pd.date_range("2013-01-01", periods=240, freq="h"), "distance": rng.integers(100, 2000, 240)}
    late = np.where(rng.random(240) < 0.5, "late", "on_time")
    pd.DataFrame({**rows, "outcome": late}).to_parquet(shell.here() / "flights.parquet")


def enter_a_clone(shell: Shell) -> None:
    """Let programs be found."""
    shell.run(". .venv/bin/activate")


def enter_a_workspace(shell: Shell) -> None:
    """Make the workspace in which a document begins, as the README says, and go there."""
    reviews("mails.csv", seed=0)(shell)
    made = "thawline init spam --modality text --data mails.csv --label stars --text review"
    for command in (". .venv/bin/activate", made, "cd spam"):
        told = shell.run(command)
        assert told.code == 0, told.text
    quicken(shell)


def use_a_server(shell: Shell) -> None:
    """Let flows run on the tests' Prefect server, as on one of the user's own, and not each on a temporary one."""
    shell.run(f"export PREFECT_API_URL={prefect_api()}")


def use_no_server(shell: Shell) -> None:
    """Let `thawline up` start a server of its own."""
    shell.run("unset PREFECT_API_URL")


def use_servers(shell: Shell) -> None:
    """Run the PostgreSQL and the S3 that a document speaks of, without the trials' database, and point at them."""
    database = shell.stack.enter_context(postgresql("a-password-for-a-test", ["prefect", "mlflow"]))
    variables = {
        "COLUMNS": "200",  # addresses of tests are long: folded within a word they could not be compared
        "PGPASSWORD": database.password,
        "PREFECT_API_DATABASE_CONNECTION_URL": database.address("prefect", scheme="postgresql+asyncpg"),
        **s3_environment(shell.stack.enter_context(s3("thawline"))),
    }
    for name, value in variables.items():
        shell.run(f"export {name}={value}")
    changes: dict[str, dict[str, object]] = {
        "tracking": {"mlflow_uri": database.address("mlflow"), "artifacts": "s3://thawline/artifacts"},
        "versioning": {"remote": "s3://thawline/data"},
        "search": {"storage": database.address("trials")},
    }
    change_params(shell.here(), changes)


def use_none(shell: Shell, _told: Told) -> None:
    """Point at no server any more."""
    shell.run("export COLUMNS=120; unset PGPASSWORD PREFECT_API_DATABASE_CONNECTION_URL ${!AWS_*}")
    change_params(
        shell.here(),
        {
            "tracking": {"mlflow_uri": None, "artifacts": None},
            "versioning": {"remote": None},
            "search": {"storage": None},
        },
    )


def leave_old_files(shell: Shell) -> None:
    """Write what may be removed, one of each kind, and old; logs are not there, unless a server had much to say."""
    state = shell.here() / ".thawline"
    for path in (state / "logs").glob("*.previous.log"):  # Prefect's runner tells of Ctrl-C if it came that far
        path.unlink()
    space = {"boundary": "top", "weights": "w", "dtype": "float32"}
    old = {
        "store/w/s/manifest.json": json.dumps({"space": space, "num_rows": 1, "files": {"a": {"size_bytes": 100}}}),
        "encoders/table.safetensors": "e",
        "steps/0123456789abcdef/fold-1.npz": "f",
        "results/fit-0123456789abcdef": "{}",
    }
    for name, content in old.items():
        path = state / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (time.time() - 90 * 86400,) * 2)


def has(*names: str) -> Look:
    """Return a check that files are there."""

    def look(shell: Shell, _told: Told) -> None:
        assert [name for name in names if not (shell.here() / name).is_file()] == []

    return look


def tells(*patterns: str) -> Look:
    """Return a check that a command has printed lines of these patterns."""

    def look(_shell: Shell, told: Told) -> None:
        assert [pattern for pattern in patterns if not re.search(pattern, told.text, re.MULTILINE)] == [], told.text

    return look


def shows_the_experiment(_shell: Shell, told: Told) -> None:
    """Open MLflow's pages as they are printed, and ask them for the experiments."""
    with open_pages("MLflow", told) as pages:
        answer = pages.post("/api/2.0/mlflow/experiments/search", json={"max_results": 10})
    assert "reviews" in [experiment["name"] for experiment in answer.json()["experiments"]]


def answers_rows(_shell: Shell, told: Told) -> None:
    """Ask a served model for answers."""
    rows = {"dataframe_split": {"columns": ["review"], "data": [["Broke at once."], ["Would buy it again."]]}}
    answer = httpx.post(f"{_address(told)}/invocations", json=rows, timeout=60)
    assert [row["label"] in {"1", "5"} for row in answer.json()["predictions"]] == [True, True]


def tells_runs_by_filters(shell: Shell, told: Told) -> None:
    """See a verdict, and that MLflow understands the filters of the README."""
    tells("^(Promoted|Refused): ")(shell, told)
    client = MlflowClient(f"sqlite:///{shell.here()}/.thawline/mlflow.db")
    experiment = client.get_experiment_by_name("reviews")
    filters = re.findall(r"``(.+?)``", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert filters
    assert client.search_runs([experiment.experiment_id], "tags.`thawline.promoted` = 'true'")
    for one in filters:
        client.search_runs([experiment.experiment_id], one)


def is_taken(shell: Shell, _told: Told) -> None:
    """Wait until the file that was dropped is among the accepted ones."""
    raw = shell.here() / "data" / "raw"
    wait_for("accepted file", lambda: [*raw.glob("new_mails*.csv")])


def has_automations(_shell: Shell, told: Told) -> None:
    """Open Prefect's pages as they are printed, and ask who is told of what."""
    wanted = {f"spam: {subject}" for subject in SUBJECTS}
    with open_pages("Prefect", told) as pages:  # a server that was there before knows deployments from the beginning
        wait_for(
            "automations of all subjects",
            lambda: wanted <= {one["name"] for one in pages.post("/api/automations/filter", json={}).json()},
        )


@contextmanager
def open_pages(name: str, told: Told) -> Iterator[httpx.Client]:
    """Follow the printed link to a server's pages as a browser does; yield what goes on asking there."""
    found = re.search(rf"^{name} +((http://[^/\s]+)\S*)", told.text, re.MULTILINE)
    assert found is not None, told.text
    with httpx.Client(base_url=found[2], follow_redirects=True, timeout=60) as client:
        assert client.get(found[1]).status_code == 200
        yield client


def _address(told: Told) -> str:
    found = re.search(UVICORN, told.text)
    assert found is not None
    return found[1]


README: dict[str, Treatment] = {
    "make demo": Targets(),
    "validate raw": Printed(by="test_a_run_prints_what_the_readme_shows_but_for_the_verdict_on_other_mails"),
    ". .venv/bin/activate": Commands(
        before={
            "thawline init": reviews("reviews.csv", seed=0),
            "thawline check": quicken,
            "thawline predict": new_reviews,
        },
        after={
            "thawline check": has("reports/validation_raw.html"),
            "thawline run": tells("^reviews: registered version 1, challenger and champion"),
            "thawline predict": has("predicted.csv"),
        },
    ),
    "thawline compare": Commands(
        before={"thawline encoders get": have_fetched_an_encoder},
        after={
            "thawline encoders get": tells("^mpnet is in .*/thawline/encoders/mpnet"),
            "thawline compare": tells(
                r"^ (approach +training time +data needed +performance|encoder +macro-F1 +log loss +features)"
            ),
            "thawline run --find-lr": tells("^Learning rates", "^Try: thawline run --set"),
            "thawline run --set search": tells("^Search: "),
        },
    ),
    "thawline up": Commands(
        before={"thawline up": use_no_server, "cp new_mails.csv": reviews("new_mails.csv", seed=1)},
        after={"cp new_mails.csv": is_taken},
        servers={"thawline up": "Ctrl-C ends all"},
        added={"thawline up": ports},
    ),
    "thawline ui": Commands(
        after={"thawline ui": shows_the_experiment, "thawline show": tells_runs_by_filters},
        servers={"thawline ui": "Ctrl-C ends"},
        added={"thawline ui": a_port},
    ),
    "export MLFLOW_TRACKING_URI": Commands(
        after={"python -c": tells("label +probability_1 +probability_5"), "mlflow models serve": answers_rows},
        servers={"mlflow models serve": UVICORN},
        added={"mlflow models serve": a_port},
    ),
    " data/raw ──►": Picture(),
}
OPERATIONS: dict[str, Treatment] = {
    "$ thawline up": Commands(servers={"thawline up": "Ctrl-C ends all"}, added={"thawline up": ports}),
    "$ thawline doctor": Commands(
        before={"thawline doctor": use_servers}, after={"thawline doctor": use_none}, codes={"thawline doctor": 1}
    ),
    "$ export THAWLINE_NOTIFY": Commands(
        servers={"thawline up": "Ctrl-C ends all"}, added={"thawline up": ports}, after={"thawline up": has_automations}
    ),
    "$ thawline prune": Commands(before={"thawline prune": leave_old_files}),
}
ADAPTERS: dict[str, Treatment] = {
    "train:": Printed(by="test_the_params_of_the_guide_are_valid"),
    "from peft": Printed(by="test_peft_loads_the_adapters_onto_the_encoder_and_gives_the_same_states"),
}
SCALING: dict[str, Treatment] = {
    "runner.kind=local": Printed(by="`python -m tests.faults.ray_nodes --only-kill`, which takes minutes"),
    "export RAY_AUTH_MODE": Parsed(
        why="it needs several machines; two nodes on one: `python -m tests.faults.ray_nodes`"
    ),
}
SPAM: dict[str, Treatment] = {
    "cd examples/spam": Parsed(why="it is the demo on the same mails, which takes minutes"),
}
GROUPS: dict[str, Treatment] = {
    "thawline init churn": Commands(
        before={"thawline init churn": visits, "thawline init delays": departures},
        after={
            "thawline init churn": has("churn/params.yaml"),
            "thawline init delays": has("delays/params.yaml"),
        },
    ),
    "frozen_logistic: macro-F1": Printed(by="tests/unit/tasks/candidates/test_dependence.py"),
}
REVIEW: dict[str, Treatment] = {
    "thawline review -n": Parsed(why="answers come from a person; tests/browser/test_review_page.py answers"),
    "<View>": Picture(),
}
SUGGEST: dict[str, Treatment] = {
    "thawline suggest": Parsed(why="takes a pool and a champion; tests/flow/test_suggest.py has both"),
}
EXPLAIN: dict[str, Treatment] = {
    "thawline explain": Parsed(why="takes rows and a champion; tests/unit/tasks/judging/test_explanation.py has both"),
}
WATCH: dict[str, Treatment] = {
    "watch:": Printed(by="tests/unit/tasks/judging/test_keeping.py"),
    "thawline predict": Parsed(why="takes days of answers; tests/unit/tasks/judging/test_watching.py has them"),
}
DVC: dict[str, Treatment] = {"$ dvc repro": Parsed(why="each trains; what they come to is in docs/decisions.md")}
VALIDATION: dict[str, Treatment] = {
    "validation:": Printed(by="tests/unit/expectations/test_extra.py"),
    "critical 18 of": Printed(by="tests/unit/expectations/test_extra.py"),
    "import pandas as pd": Printed(by="tests/unit/expectations/test_extra.py"),
}
TARGETS: dict[str, Treatment] = {
    "thawline init houses": Commands(
        before={"thawline init houses": houses, "thawline init tickets": tickets},
        after={
            "thawline init houses": has("houses/params.yaml"),
            "thawline init tickets": has("tickets/params.yaml"),
        },
    ),
}
DOCUMENTS = {
    "README.md": README,
    "docs/targets.md": TARGETS,
    "docs/dvc.md": DVC,
    "docs/explain.md": EXPLAIN,
    "docs/validation.md": VALIDATION,
    "docs/groups_and_time.md": GROUPS,
    "docs/adapters.md": ADAPTERS,
    "docs/operations.md": OPERATIONS,
    "docs/review.md": REVIEW,
    "docs/suggest.md": SUGGEST,
    "docs/watch.md": WATCH,
    "docs/scaling.md": SCALING,
    "examples/spam/README.md": SPAM,
}
BEGINNINGS: dict[str, Callable[[Shell], None]] = {
    "README.md": use_a_server,
    "docs/operations.md": enter_a_workspace,
    "docs/groups_and_time.md": enter_a_clone,
    "docs/targets.md": enter_a_clone,
}
"""What is there when a document begins, but for what `make setup` makes."""
