"""A day of operation at speed, and whether anything grows: python -m tests.faults.a_day --sweeps 1440 --seed 0.

`thawline up` runs a small workspace. Its schedule, a sweep a minute, is run back to back: as soon as one has ended the
next begins. Now and then a file arrives (good, bad, or one that came before) and is trained on or refused; now and then
a server is killed and starts again. Whenever nothing runs, what it takes is measured: processes, and for each of those
that stay, memory and open files; connections to the database; bytes in .thawline. At the end all files must be
accounted for, and nothing may have grown from the middle third to the last but what is kept for each sweep and each
training.
"""

import argparse
import itertools
import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from tests.faults.processes import command_line

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "flow"))

DAY = 1440  # sweeps, at one a minute
SERVICES = {
    "prefect": "prefect",
    "mlflow": "mlflow",
    "deployments": "flows.services.deployments",
    "watcher": "flows.services.watcher",
}
"""The module that the first process of each service runs."""
ENGINE = "prefect.engine"  # what a flow run's process runs
PATIENCE_S = 240
MAX_GROWTH = {"memory_mb": 0.10, "files": 0.10, "processes": 0.0, "connections": 0.25}
"""Shares by which the last third may be above the middle third."""
SLACK = {"memory_mb": 15.0, "files": 4.0, "processes": 0.0, "connections": 4.0}
MAX_KEPT_KB = {"kept_kb prefect": 120.0, "kept_kb state": 4.0}
"""For each sweep with nothing to do: a flow run with its log and events in Prefect's database; lines in logs."""


@dataclass
class Day:
    """What is done, and what was seen: one mapping of measures a look, each with the number of sweeps so far."""

    rng: np.random.Generator
    looks: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    dropped: list[tuple[str, bytes]] = field(default_factory=list)
    sweep_s: list[float] = field(default_factory=list)
    num_killed: Counter[str] = field(default_factory=Counter)


def sweep(up: Any) -> float:
    """Run the deployment of the sweeps once, as its schedule would; return the seconds until it had ended."""
    from tasks.arriving.announcements import server_key
    from thawline.params.file import load_params
    from thawline.workspace import Workspace

    begun, place = time.monotonic(), Workspace(up.space)
    key = server_key(place, load_params(place))
    with httpx.Client(base_url=f"{up.addresses['prefect']}/api", timeout=30, auth=up.login) as client:
        deployment = _insist(lambda: client.get(f"/deployments/name/arrive/arrivals-{key}"))["id"]
        run = _insist(lambda: client.post(f"/deployments/{deployment}/create_flow_run", json={}))["id"]
        while time.monotonic() - begun < PATIENCE_S:
            found = _insist(lambda: client.get(f"/flow_runs/{run}"))
            if found is None or found["end_time"]:  # deployments that start anew drop what has not begun
                return time.monotonic() - begun
            time.sleep(0.1)
    raise SystemExit(f"a sweep has not ended within {PATIENCE_S} s")


def _insist(ask: Callable[[], httpx.Response]) -> Any:
    """Ask until there is an answer, as the server may be starting again; None if it knows no such thing."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            answer = ask()
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            if answer.status_code < 500:
                return answer.raise_for_status().json()
        except httpx.TransportError:
            if time.monotonic() > deadline:
                raise
        time.sleep(0.5)


def drop(day: Day, incoming: Path) -> None:
    """Drop a good file, a bad one, or one that came before."""
    from workspaces import made_up_texts

    number, kind = len(day.dropped), day.rng.choice(["good", "bad", "again"], p=[0.5, 0.25, 0.25])
    if kind == "again" and day.dropped:
        content = day.dropped[int(day.rng.integers(number))][1]
    else:
        frame = made_up_texts(40, seed=1000 + number)
        content = (frame.assign(label="") if kind == "bad" else frame).to_csv(index=False).encode()
    name = f"{number:03d}-{kind}.csv"
    day.dropped.append((name, content))
    (incoming / f".{name}").write_bytes(content)
    (incoming / f".{name}").rename(incoming / name)


def kill_a_server(day: Day, space: Path) -> None:
    """Kill the Prefect server, MLflow's, the deployments or the watcher; `thawline up` starts it again."""
    name = str(day.rng.choice(list(SERVICES)))
    for process in services(space).get(name, []):
        process.kill()
    day.num_killed[name] += 1


def services(space: Path) -> dict[str, list[psutil.Process]]:
    """Return the processes of each service, those that it has started included; of flow runs as `flows`."""
    from workspaces import own_processes

    found: dict[str, list[psutil.Process]] = {}
    for pid in own_processes(space):
        try:
            process = psutil.Process(pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                continue
            modules = [_module(one) for one in (process, *process.parents())]
        except psutil.NoSuchProcess:
            continue
        roots = (name for module in modules for name, root in SERVICES.items() if module == root)
        name = "flows" if ENGINE in modules else next(roots, "orphans")
        found.setdefault(name, []).append(process)
    return found


def _module(process: psutil.Process) -> str:
    """Return what a Python process was started with -m for; '' if nothing."""
    line = process.cmdline()
    return line[line.index("-m") + 1] if "-m" in line[:-1] else ""


def look(space: Path, database: Any) -> dict[str, float]:
    """Measure what it takes now."""
    measures: dict[str, float] = {}
    num_processes = 0
    for name, processes in services(space).items():
        num_processes += len(processes)
        measures[f"memory_mb {name}"] = sum(one.memory_info().rss for one in processes) / 1e6
        measures[f"files {name}"] = float(sum(one.num_fds() for one in processes))
    measures["processes"] = float(num_processes)
    state = space / ".thawline"
    sizes = {path: path.stat().st_size for path in state.rglob("*") if path.is_file()}
    prefect = sum(size for path, size in sizes.items() if path.is_relative_to(state / "prefect"))
    measures["kept_kb prefect"] = prefect / 1e3
    measures["kept_kb state"] = (sum(sizes.values()) - prefect) / 1e3
    if database is not None:
        asked = "SELECT datname, count(*) FROM pg_stat_activity WHERE datname IS NOT NULL GROUP BY 1"
        lines = database.run("psql", "-At", "-c", asked, "postgres").split()
        measures |= {f"connections {one}": float(count) for one, count in (line.split("|") for line in lines)}
        size = database.run("psql", "-At", "-c", "SELECT pg_database_size('prefect')", "postgres")
        measures["kept_kb prefect"] = float(size) / 1e3
    return measures


def run_a_day(day: Day, place: Any, *, num_sweeps: int, seconds: float, arrivals: float, kills: float) -> int:
    """Sweep, drop, kill and look; return how many sweeps there were."""
    from workspaces import Up

    up = Up(place.space, place.environment)
    begun = time.monotonic()
    number = 0
    try:
        while number < num_sweeps and time.monotonic() - begun < seconds:
            if day.rng.random() < arrivals:
                drop(day, place.space / "data" / "incoming")
            if day.rng.random() < kills:
                kill_a_server(day, place.space)
            took = sweep(up)
            number += 1
            if not up.unfinished():
                day.sweep_s.append(took)
            if number % 5 == 0:
                _rest(up, place.space)
                events = float(len(day.dropped) + day.num_killed.total())
                day.looks.append((number, look(place.space, place.database) | {"events": events}))
                print(
                    f"{number} sweeps, {time.monotonic() - begun:.0f} s: {json.dumps(_rounded(day.looks[-1][1]))}",
                    flush=True,
                )
        sweep(up)
        _rest(up, place.space)
    finally:
        print(up.stop(signal.SIGTERM)[-300:].strip())
    return number


def _rest(up: Any, space: Path) -> None:
    """Wait until nothing runs, all services are there, and the flows' processes are gone."""
    deadline = time.monotonic() + PATIENCE_S
    while unrest := _unrest(up, space):
        if time.monotonic() > deadline:
            raise SystemExit(f"no rest within {PATIENCE_S} s: {unrest}")
        time.sleep(0.3)


def _unrest(up: Any, space: Path) -> str:
    """Return what keeps from rest; '' if nothing does."""
    found = services(space)
    missing, more = sorted(set(SERVICES) - set(found)), sorted(set(found) - set(SERVICES))
    if missing or more:
        lines = [command_line(process) for name in more for process in found[name]]
        return f"not there: {missing}; there as well: {lines}"
    try:
        busy = up.unfinished()
    except (httpx.HTTPError, json.JSONDecodeError) as error:
        return f"Prefect does not answer: {error}"
    return f"under way: {busy}" if busy else ""


def _rounded(measures: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 1) for name, value in sorted(measures.items())}


def judge(day: Day, num_sweeps: int) -> list[str]:
    """Print what grew by how much; return what must not have grown."""
    numbers = np.array([number for number, _ in day.looks], dtype=float)
    names = sorted({name for _, measures in day.looks for name in measures} - {"events"})
    faults = []
    print(f"{'':28s}{'first':>10s}{'middle':>10s}{'last':>10s}{'a day':>12s}")
    for name in names:
        values = np.array([measures.get(name, np.nan) for _, measures in day.looks])
        there = ~np.isnan(values)
        middle, last = (float(np.nanmedian(part)) for part in np.array_split(values, 3)[1:])
        slope = float(np.polyfit(numbers[there], values[there], 1)[0]) if there.sum() > 1 else 0.0
        print(f"{name:28s}{values[there][0]:10.1f}{middle:10.1f}{last:10.1f}{slope * DAY:+12.1f}")
        kind = name.partition(" ")[0]
        if kind == "kept_kb":
            kept = _kept_when_idle(day, name)
            print(f"{'':28s}{kept:.1f} kB are kept for each sweep with nothing to do")
            grown = kept > MAX_KEPT_KB[name]
        else:
            grown = last > middle * (1 + MAX_GROWTH[kind]) + SLACK[kind]
        if grown:
            faults.append(f"{name} grows: {middle:.1f} in the middle third, {last:.1f} in the last")
    quick = np.median(day.sweep_s)
    print(f"{num_sweeps} sweeps ({num_sweeps / DAY:.1%} of a day); an empty one took {quick:.1f} s (median)")
    return faults


def _kept_when_idle(day: Day, name: str) -> float:
    """Return by how much a measure grows a sweep between looks between which no file came and no server was killed."""
    rates = [
        (after[name] - before[name]) / (number - earlier)
        for (earlier, before), (number, after) in itertools.pairwise(day.looks)
        if before["events"] == after["events"]
    ]
    return float(np.median(rates)) if rates else 0.0


def account(day: Day, space: Path) -> list[str]:
    """Compare what was dropped with what is kept; return what does not fit."""
    from line import run_thawline

    from thawline.system.files import hash_file

    kinds = {content: kind for name, content in reversed(day.dropped) for kind in [name.split("-")[1][:-4]]}
    wanted = Counter("refused" if b",\n" in content or b',""' in content else "accepted" for content in kinds)
    records = [json.loads(path.read_text()) for path in (space / "data" / "arrivals").glob("*.json")]
    found = Counter(record["state"] for record in records if not record["name"].startswith("first"))
    faults = [] if found == wanted else [f"records say {dict(found)}, dropped were {dict(wanted)}"]
    left = [path.name for path in (space / "data" / "incoming").iterdir()]
    faults += [f"left in data/incoming: {left}"] if left else []
    bad = [
        path.name for path in (space / "data" / "raw").glob("*.csv") if not (path.parent / f"{path.name}.dvc").exists()
    ]
    faults += [f"not tracked: {bad}"] if bad else []
    hashes = [hash_file(path) for path in (space / "data" / "raw").glob("*.csv")]
    faults += ["a content is twice in data/raw"] if len(hashes) != len(set(hashes)) else []
    runs = run_thawline("runs", cwd=space).json["runs"]
    print(
        f"{len(day.dropped)} files: {dict(found)}, {len(day.dropped) - len(kinds)} repeated; {len(runs)} trainings; ",
        end="",
    )
    print(f"killed: {dict(day.num_killed) or 'nothing'}")
    return faults


@contextmanager
def make_place(directory: Path, *, with_postgresql: bool) -> Iterator[Any]:
    """Make a workspace, with everything embedded or with Prefect's database in PostgreSQL."""
    from dataclasses import make_dataclass

    from servers import postgresql
    from workspaces import make_small_workspace

    schedule = {"schedule": {"sweep": "0 0 1 1 *"}}  # the sweeps are ours
    with ExitStack() as stack:
        environment, database = {}, None
        if with_postgresql:
            database = stack.enter_context(postgresql("a-day-of-operation", ["prefect"]))
            address = database.address("prefect", scheme="postgresql+asyncpg")
            environment = {"PGPASSWORD": database.password, "PREFECT_API_DATABASE_CONNECTION_URL": address}
        space = make_small_workspace(directory, schedule)
        yield make_dataclass("Place", ["space", "environment", "database"])(space, environment, database)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweeps", type=int, default=DAY, help="how many sweeps")
    parser.add_argument("--minutes", type=float, default=24 * 60, help="end after so many minutes, whatever is left")
    parser.add_argument("--arrivals", type=float, default=0.05, help="chance of a file before a sweep")
    parser.add_argument("--kills", type=float, default=0.02, help="chance that a server is killed before a sweep")
    parser.add_argument("--postgresql", action="store_true", help="keep Prefect's database in a PostgreSQL of its own")
    parser.add_argument("--seed", type=int, default=0, help="seed of all that is random")
    chosen = parser.parse_args()
    from session import end_session

    day = Day(np.random.default_rng(chosen.seed))
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    with tempfile.TemporaryDirectory() as name, make_place(Path(name), with_postgresql=chosen.postgresql) as place:
        try:
            num_sweeps = run_a_day(
                day,
                place,
                num_sweeps=chosen.sweeps,
                seconds=60 * chosen.minutes,
                arrivals=chosen.arrivals,
                kills=chosen.kills,
            )
            faults = [*account(day, place.space), *judge(day, num_sweeps)]
        finally:
            end_session()
    print("\n".join(faults) or "nothing lost, nothing grows")
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
