"""`thawline up` on real servers: what is dropped is taken, trained on once, or refused; and nothing stays behind.

The same with what is embedded in a workspace, and with PostgreSQL behind MLflow, Prefect and the search, S3 behind
artifacts and data, and a login.
"""

import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pandas as pd
import pytest
from line import run_thawline
from playwright.sync_api import expect
from servers import Database, make_bucket, postgresql, s3_environment
from workspaces import Up, made_up_texts, make_small_workspace, own_processes, wait_for

from tests.browser.opened import browser
from tests.faults.attack_servers import REFUSED, SHELL, attack
from thawline.servers.up_state import find_up
from thawline.workspace import Workspace

pytestmark = pytest.mark.slow

START_LIMIT_S = 30
SECRETS = {"database": "planted-database-password", "key": "planted-bucket-key", "login": "planted-login-password"}


@dataclass(frozen=True)
class Place:
    """A workspace, the variables for what runs in it, and the servers behind it."""

    space: Path
    environment: dict[str, str] = field(default_factory=dict)
    database: Database | None = None
    bucket: str = ""


@pytest.fixture(scope="module")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Place, Up]]:
    """Return a workspace that needs no server of anybody's, and what runs it."""
    space = make_small_workspace(tmp_path_factory.mktemp("up"), {})
    up = Up(space, {})
    yield Place(space), up
    end_all(space)
    if up.process.returncode is None:  # no test has ended it
        up.process.communicate()


@pytest.fixture
def served(tmp_path: Path, s3_address: str) -> Iterator[Place]:
    """Return a workspace that keeps everything in PostgreSQL and S3, and asks for a login."""
    make_bucket(f"{s3_address}/thawline")
    with postgresql(SECRETS["database"], ["prefect", "mlflow", "trials"]) as database:
        environment = {
            "PGPASSWORD": database.password,
            "PREFECT_API_DATABASE_CONNECTION_URL": database.address("prefect", scheme="postgresql+asyncpg"),
            "THAWLINE_LOGIN": f"somebody:{SECRETS['login']}",
            **s3_environment(s3_address, key=SECRETS["key"]),
        }
        services = {
            "tracking": {"mlflow_uri": database.address("mlflow"), "artifacts": "s3://thawline/artifacts"},
            "versioning": {"remote": "s3://thawline/data"},
            "search": {"strategy": "random", "num_trials": 2, "storage": database.address("trials")},
        }
        space = make_small_workspace(tmp_path, services)
        yield Place(space, environment, database, f"{s3_address}/thawline")
        end_all(space)


def end_all(space: Path) -> None:
    """End what a test that failed has left running."""
    running = find_up(Workspace(space))
    if running is not None:
        os.kill(running.pid, signal.SIGKILL)
    for pid in own_processes(space):
        os.kill(pid, signal.SIGKILL)


def versions(place: Place) -> int:
    """Return how many runs have made a version."""
    runs = run_thawline("runs", cwd=place.space, environment=place.environment).json["runs"]
    return sum(run["version"] is not None for run in runs)


def drop_and_see(place: Place, up: Up) -> None:
    """Drop a good file, and see that it is taken at once and trained on."""
    dropped = time.time()
    made_up_texts(40, seed=1).to_csv(place.space / "data" / "incoming" / "good.csv", index=False)
    begun = wait_for("arrive run", lambda: up.runs("arrive"))[0]["start_time"]
    assert pd.Timestamp(begun).timestamp() - dropped < START_LIMIT_S
    wait_for("training", lambda: up.ended("finetune") and up.idle())
    assert [run["state_type"] for run in up.runs("finetune")] == ["COMPLETED"]
    for flow in ("arrive", "train", "finetune"):
        assert up.runs(flow)[0]["name"] == f"{place.space.name}: arrival good.csv"
    assert versions(place) == 1


def drop_more_and_see(place: Place, up: Up) -> None:
    """Drop a bad file with the good one again, and three at once; each time see what comes of it."""
    incoming, num_arrivals = place.space / "data" / "incoming", len(up.runs("arrive"))
    parts = [made_up_texts(40, seed=seed) for seed in range(2, 6)]
    parts[0].assign(label="").to_csv(incoming / "bad.csv", index=False)
    shutil.copyfile(next((place.space / "data" / "raw").glob("good-*.csv")), incoming / "again.csv")
    wait_for("empty incoming", lambda: not any(incoming.iterdir()))
    wait_for("arrive run", lambda: len(up.ended("arrive")) > num_arrivals and up.idle())
    refused = run_thawline("quarantine", "list", cwd=place.space).json["quarantine"]
    assert [file["name"].split("-")[0] for file in refused] == ["bad"]
    assert "have no label" in refused[0]["reason"]
    assert len(up.runs("finetune")) == 1

    for number, part in enumerate(parts[1:]):
        part.to_csv(incoming / f"three{number}.csv", index=False)
    wait_for("second training", lambda: len(up.ended("finetune")) == 2 and up.idle())
    assert versions(place) == 2
    assert len(up.runs("finetune")) == 2


@pytest.mark.xdist_group("up")
def test_nobody_without_the_secret_reads_or_changes_anything_on_its_servers(embedded: tuple[Place, Up]) -> None:
    place, up = embedded
    own = {"Authorization": f"Bearer {up.secret}"}
    for address in (up.addresses["prefect"], up.addresses["mlflow"]):
        assert {name: code for name, code in attack(address) if code not in REFUSED} == {}
        assert {name: code for name, code in attack(address, credential=own) if code != 403} == {}
    api = f"{up.addresses['prefect']}/api"
    with httpx.Client(auth=up.login, timeout=30) as owner:
        deployments = owner.post(f"{api}/deployments/filter", json={}).raise_for_status().json()
        train = next(one for one in deployments if one["name"].startswith("when-due"))
        target = f"{api}/deployments/{train['id']}"
        assert httpx.patch(target, json={"pull_steps": SHELL}).status_code == 401
        assert httpx.post(f"{target}/create_flow_run", json={"state": {"type": "SCHEDULED"}}).status_code == 401
        assert owner.get(target).raise_for_status().json()["pull_steps"] == train["pull_steps"]
    assert (place.space / ".thawline" / "secret").stat().st_mode & 0o777 == 0o600
    arguments = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert up.secret not in arguments
    logs = [path for path in (place.space / ".thawline" / "logs").iterdir() if up.secret in path.read_text()]
    assert logs == []


@pytest.mark.xdist_group("up")
def test_its_pages_open_for_the_owner_by_one_click_and_a_link_opens_once(embedded: tuple[Place, Up]) -> None:
    place, up = embedded
    printed = re.findall(r"http://\S+/open\S+", up.told.read_text())
    fresh = run_thawline("ui", cwd=place.space).json
    assert [link.partition("/open")[0] for link in printed] == [up.addresses["prefect"], up.addresses["mlflow"]]
    with browser() as opened:
        for prefect, mlflow in (printed, (fresh["prefect"], fresh["mlflow"])):
            page = opened.new_context().new_page()
            page.goto(prefect)
            expect(page).to_have_title(re.compile("Prefect"))
            expect(page.get_by_text("Flow Runs", exact=True).first).to_be_visible()
            page = opened.new_context().new_page()
            page.goto(mlflow)
            expect(page).to_have_title(re.compile("Runs - Experiment"))
        for link in printed:
            answer = opened.new_context().new_page().goto(link)
            assert answer is not None
            assert answer.status == 401


@pytest.mark.xdist_group("up")
def test_what_is_dropped_is_taken_and_trained_on_once_or_refused(embedded: tuple[Place, Up]) -> None:
    drop_and_see(*embedded)
    drop_more_and_see(*embedded)


@pytest.mark.xdist_group("up")
def test_it_starts_again_after_a_kill_and_ends_what_was_left(embedded: tuple[Place, Up]) -> None:
    place, first = embedded
    refused = run_thawline("up", cwd=place.space)
    assert refused.code == 2
    assert f"process {first.pid} runs this workspace already" in refused.told
    os.kill(first.pid, signal.SIGKILL)
    first.process.communicate()
    assert own_processes(place.space)
    second = Up(place.space, {}, by_itself=True)
    told = second.stop(signal.SIGINT)
    assert "that an earlier `thawline up` had left behind" in told
    assert "all ended" in told
    assert second.process.returncode == 0
    assert own_processes(place.space) == []


def test_the_same_with_postgresql_s3_and_a_login_and_no_secret_is_written_anywhere(served: Place) -> None:
    healthy = run_thawline("doctor", cwd=served.space, environment=served.environment)
    found = {finding["what"]: finding for finding in healthy.json["findings"]}
    checked = ("MLflow", "Prefect's database", "trials' database", "data remote", "artifacts")
    assert {what: found[what]["ok"] for what in checked} == dict.fromkeys(checked, True)

    up = Up(served.space, served.environment)
    assert httpx.post(f"{up.addresses['prefect']}/api/flow_runs/filter", json={}).status_code == 401
    assert httpx.get(f"{up.addresses['mlflow']}/api/2.0/mlflow/experiments/get?experiment_id=0").status_code == 401
    drop_and_see(served, up)
    arguments = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    told = up.stop(signal.SIGTERM)
    assert "all ended" in told
    assert up.process.returncode == 0
    assert own_processes(served.space) == []

    planted = [*SECRETS.values(), up.secret]
    assert served.database is not None
    kept = {name: served.database.run("pg_dump", name) for name in ("prefect", "mlflow", "trials")}
    assert "COPY public.flow_run " in kept["prefect"]
    assert kept["mlflow"].count("s3://thawline/artifacts") > 2
    assert "COPY public.trials " in kept["trials"]
    objects = list_objects(served.bucket)
    assert {key.partition("/")[0] for key in objects} == {"artifacts", "data"}
    assert any(key.endswith((".safetensors", ".skops")) for key in objects)
    assert not any((served.space / ".thawline" / name).exists() for name in ("mlflow.db", "mlartifacts"))

    places = {**{f"database {name}": text.encode() for name, text in kept.items()}, "ps": arguments.encode(), **objects}
    places |= {str(path): path.read_bytes() for path in served.space.rglob("*") if path.is_file()}
    leaks = [(secret, place) for place, content in places.items() for secret in planted if secret.encode() in content]
    assert leaks == []


def list_objects(bucket: str) -> dict[str, bytes]:
    """Return what a bucket of moto's holds; it asks nobody who they are."""
    listing = httpx.get(f"{bucket}?list-type=2&max-keys=10000").text
    keys = [part.partition("</Key>")[0] for part in listing.split("<Key>")[1:]]
    return {key: httpx.get(f"{bucket}/{key}").content for key in keys}


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_beyond_loopback_it_does_not_start_without_a_login(host: str, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("name: words\n")
    (tmp_path / "data").mkdir()
    refused = run_thawline("up", "--host", host, cwd=tmp_path)
    assert refused.code == 2
    assert "THAWLINE_LOGIN is not set" in refused.told
