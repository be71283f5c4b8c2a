"""Kill the line anywhere and see that it converges: `python -m tests.faults.kill_anywhere --kills 60 --seed 0`.

Batches of good, bad, partly bad and repeated files arrive in two workspaces. One takes them and trains on them
undisturbed. In the other SIGKILL ends, in each phase of the flows `arrive` and `finetune`, the flow's process, one of
its workers, the Prefect server or the MLflow server; what watches over the servers starts them again. After each kill
the flow is run anew, and then both workspaces must agree on rows, files, records, splits, versions and aliases, no
model may be half registered, and nothing of the killed flow may still run. Each kill of `arrive` has files of its own;
those of `finetune` meet a training on new data first, and then trainings that begin all anew.

With `--state DIR` a later call goes on where this one ended, as long as its `--kills` is larger.
"""

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tests.faults.batches import drop, make_batch, make_pair, outcome
from tests.faults.flow_work import PARAMS, arrive, finetune, in_own_mlflow, trained
from tests.faults.processes import CHECKING, Child, Work, import_ahead, run_to_end, started
from tests.faults.servers import VARIABLES, Servers, name_servers, running_servers
from thawline.workspace import Workspace

ARRIVE = ("copy", "check", "move", "track")
FINETUNE = (
    "validate raw",
    "preprocess",
    "validate processed",
    "profile",
    "baseline",
    "cross-validate",
    "label audit",
    "record folds",
    "final fit",
    "evaluate",
    "gate and register",
)
WORKER_SHARE = 7
WORK = {"arrive": arrive, "finetune": finetune}
PER_BATCH = {"arrive": 2, "finetune": 8}
TRIES = 3
"""The next run may find DVC's lock held by a DVC whose flow was killed; it ends by itself."""
PHASE_TIMEOUT_S, RUN_TIMEOUT_S = 600.0, 900.0  # on cores that others use, too


@dataclass(frozen=True, order=True)
class Aim:
    """What is to be killed, in which phase of which flow."""

    flow: str
    phase: str
    victim: str


def list_aims(flows: Sequence[str]) -> list[Aim]:
    """Return every combination that some flows have; workers work in one phase, which counts several times."""
    aims = [Aim("arrive", phase, victim) for phase in ARRIVE for victim in ("flow", "prefect")]
    aims += [Aim("finetune", phase, victim) for phase in FINETUNE for victim in ("flow", "prefect", "mlflow")]
    aims += [Aim("finetune", "cross-validate", "worker")] * WORKER_SHARE
    return [aim for aim in aims if aim.flow in flows]


def choose(queue: list[Aim], flow: str, number: int) -> list[Aim]:
    """Take the next aims of a flow from the queue."""
    chosen = [aim for aim in queue if aim.flow == flow][:number]
    for aim in chosen:
        queue.remove(aim)
    return chosen


class Trial:
    """Two workspaces, the servers, and what has been hit so far."""

    def __init__(self, directory: Path, flows: Sequence[str], seed: int) -> None:
        self.flows = flows
        self.directory, self.rng = directory, random.Random(seed)  # noqa: S311 - moments, no secrets
        self.calm, self.killed = Workspace(directory / "calm"), Workspace(directory / "killed")
        self.hits: list[list[str]] = []
        self.queue: list[Aim] = []
        self.earlier: list[bytes] = []
        self.number = 0
        self.is_done = False

    def save(self) -> None:
        queue = [[aim.flow, aim.phase, aim.victim] for aim in self.queue]
        kept = {"hits": self.hits, "queue": queue, "number": self.number, "random": self.rng.getstate()}
        kept["earlier"] = [content.decode() for content in self.earlier]
        (self.directory / "trial.json").write_text(json.dumps(kept))

    def load(self) -> None:
        kept: dict[str, Any] = json.loads((self.directory / "trial.json").read_text())
        version, numbers, rest = kept["random"]
        self.rng.setstate((version, tuple(numbers), rest))
        self.hits, self.number = kept["hits"], kept["number"]
        self.queue = [Aim(*aim) for aim in kept["queue"]]
        self.earlier = [content.encode() for content in kept["earlier"]]

    def run_batch(self, servers: Servers, kills: dict[str, int], log: Path) -> list[str]:
        """Let files arrive and be trained on, with so many kills a flow; return where the workspaces then differ."""
        for flow in self.flows:
            aims = choose(self.queue, flow, kills[flow])
            one_by_one = [[aim] for aim in aims] or [[]]
            for aimed in one_by_one if flow == "arrive" else [aims]:  # what was taken can't be taken again
                if flow == "arrive":
                    self.drop_files()
                if wrong := self.run_round(flow, aimed, servers, log):
                    return wrong
        return []

    def drop_files(self) -> None:
        """Drop the same new files into both workspaces."""
        batch = make_batch(np.random.default_rng([self.number, 7]), self.number, self.earlier)
        self.earlier += batch.values()
        self.number += 1
        for workspace in (self.calm, self.killed):
            drop(workspace, batch)

    def run_round(self, flow: str, aims: Sequence[Aim], servers: Servers, log: Path) -> list[str]:
        """Run a flow undisturbed, then in the other workspace with kills; return where the two differ after one."""
        work = WORK[flow]
        status, seconds = run_to_end(in_own_mlflow(work(self.calm)), log, RUN_TIMEOUT_S)
        if status != 0:
            raise SystemExit(f"the undisturbed {flow} ended with {status}; see {log}")
        self.is_done = False
        for aim in aims:
            if not self.hit(aim, self.aimed_at(aim), seconds, servers, log):
                self.queue.append(aim)
                continue
            begun = time.monotonic()
            self.converge(flow, work(self.killed), servers, log)
            self.is_done = True
            if wrong := self.differences():
                return wrong
            print(f"     the next run took {time.monotonic() - begun:.0f} s, and all is the same", flush=True)
        if not self.is_done:
            self.converge(flow, work(self.killed), servers, log)
        return self.differences()

    def differences(self) -> list[str]:
        """Return where the workspaces differ, and what of a killed flow still runs."""
        one, other = outcome(self.calm), outcome(self.killed)
        if "finetune" in self.flows:
            one |= trained(self.calm, None)
            other |= trained(self.killed, os.environ["MLFLOW_TRACKING_URI"])
        wrong = [f"{key}: undisturbed {one[key]}, killed {other.get(key)}" for key in one if one[key] != other.get(key)]
        return wrong + [f"left: {name}" for name in self.leftovers()]

    def aimed_at(self, aim: Aim) -> Work:
        """Return the work to be killed; what has been done already is done anew."""
        if aim.flow == "arrive":
            return arrive(self.killed)
        changes = ("runner.kind=process",) if aim.victim == "worker" else ()
        return finetune(self.killed, *changes, fresh=self.is_done)

    def hit(self, aim: Aim, work: Work, seconds: dict[str, float], servers: Servers, log: Path) -> bool:
        """Run a flow and kill what the aim says in its phase; return whether it was hit."""
        with started(work, log) as child:
            if not child.wait_for(aim.phase, PHASE_TIMEOUT_S):
                self.is_done = self.is_done or child.status == 0
                return False
            if aim.victim != "worker":
                time.sleep(self.rng.uniform(0, seconds.get(aim.phase, 0.1)))
            what = self.kill(aim.victim, child, servers)
            phase = child.phase
            status = child.wait(RUN_TIMEOUT_S)
        self.is_done = self.is_done or status == 0
        if not what:
            return False
        told = {None: "HUNG", 0: "went on", 1: "failed"}.get(status, "died")
        self.hits.append([aim.flow, phase, aim.victim, told])
        print(f"{len(self.hits):3d}  {aim.flow:9s} {phase:19s} {what:38s} {told}", flush=True)
        servers.wait_until_healthy()
        return True

    def kill(self, victim: str, child: Child, servers: Servers) -> str:
        """Kill the victim; return what it was, '' if there is none."""
        if victim == "flow":
            running = child.poll()
            child.kill()
            return "the flow" if running else ""
        if victim != "worker":
            return servers.kill(victim, self.rng) if child.poll() else ""
        while child.poll():
            workers = [one for one in psutil.Process(child.pid).children() if "spawn_main" in " ".join(one.cmdline())]
            if workers:
                time.sleep(self.rng.uniform(0, 12))
                worker = self.rng.choice(workers)
                if worker.is_running() and child.poll():
                    worker.kill()
                    return f"a worker, one of {len(workers)}"
            time.sleep(0.05)
        return ""

    def converge(self, flow: str, work: Work, servers: Servers, log: Path) -> None:
        """Run a flow to its end."""
        for _ in range(TRIES):
            servers.wait_until_healthy()
            status, _ = run_to_end(work, log, RUN_TIMEOUT_S)
            if status == 0:
                return
            time.sleep(2)
        raise SystemExit(f"{flow} does not end well after {TRIES} tries; see {log}")

    def leftovers(self) -> list[str]:
        """Return processes of killed flows that go on for ever, their workers for instance."""
        own = {os.getpid()} | {one.pid for one in psutil.Process().children(recursive=True)}
        deadline = time.monotonic() + 20
        while True:
            found = []
            for process in psutil.process_iter():
                try:
                    here = process.environ().get("THAWLINE_FAULTS") == str(self.directory)
                    if here and process.pid not in own and process.status() != psutil.STATUS_ZOMBIE:
                        found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
                except (psutil.NoSuchProcess, psutil.AccessDenied):
                    continue
            if not found or time.monotonic() > deadline:
                return found
            time.sleep(0.5)


def open_trial(directory: Path, flows: Sequence[str], seed: int) -> Trial:
    """Return the trial that was begun in a directory, or begin one there."""
    trial = Trial(directory, flows, seed)
    if (directory / "trial.json").is_file():
        trial.load()
        return trial
    make_pair(directory, np.random.default_rng(seed), PARAMS)
    trial.queue = list_aims(flows)
    trial.rng.shuffle(trial.queue)
    return trial


def print_hits(hits: list[list[str]]) -> None:
    """Print how often what was killed in which phase."""
    counts = Counter((flow, phase, victim) for flow, phase, victim, _ in hits)
    victims = ("flow", "worker", "prefect", "mlflow")
    print(f"{'':30s}" + "".join(f"{victim:>9s}" for victim in victims))
    for flow, phases in (("arrive", ARRIVE), ("finetune", (*FINETUNE,))):
        for phase in phases:
            row = "".join(f"{counts[flow, phase, victim] or '-':>9}" for victim in victims)
            print(f"{flow:9s} {phase:20s}{row}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=60, help="how often to kill, in all")
    parser.add_argument("--seed", type=int, default=0, help="seed of the order and the moments")
    parser.add_argument("--flows", nargs="+", choices=list(WORK), default=list(WORK), help="what to kill")
    parser.add_argument("--state", type=Path, help="directory to go on in")
    parser.add_argument("--seconds", type=float, default=1e9, help="begin no further batch after so long")
    chosen = parser.parse_args()
    begun = time.monotonic()
    directory = (chosen.state or Path(tempfile.mkdtemp())).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    os.environ["THAWLINE_FAULTS"] = str(directory)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    name_servers()
    from flows.starting.environment import prepare_environment

    trial = open_trial(directory, chosen.flows, chosen.seed)
    prepare_environment(trial.killed)
    import_ahead(*CHECKING, *(f"flows.{flow}" for flow in chosen.flows))

    wrong: list[str] = []
    log = directory / "flows.log"
    names = list(VARIABLES) if "finetune" in chosen.flows else ["prefect"]
    with running_servers(trial.killed, names, directory / "servers.log") as servers:
        while not wrong and len(trial.hits) < chosen.kills and time.monotonic() - begun < chosen.seconds:
            left = chosen.kills - len(trial.hits)
            kills = {"arrive": min(PER_BATCH["arrive"], left)} if "arrive" in chosen.flows else {}
            kills["finetune"] = min(PER_BATCH["finetune"], left - kills.get("arrive", 0))
            if not trial.queue:
                trial.queue = list_aims(chosen.flows)
                trial.rng.shuffle(trial.queue)
            wrong = trial.run_batch(servers, kills, log)
            trial.save()
            verdict = "DIFFERENT" if wrong else "the same"
            seconds = time.monotonic() - begun
            print(f"{len(trial.hits)} kills, {seconds:.0f} s: {verdict}", *wrong, sep="\n", flush=True)
    print_hits(trial.hits)
    hung = sum(told == "HUNG" for *_, told in trial.hits)
    print(f"{len(trial.hits)} kills, {hung} hung: {'DIFFERENT' if wrong or hung else 'nothing lost or doubled'}")
    if chosen.state is None and not wrong:
        shutil.rmtree(directory)
    return 1 if wrong or hung else 0


if __name__ == "__main__":
    if sys.platform != "linux":
        raise SystemExit("needs fork: run it on Linux")
    raise SystemExit(main())
