"""Interrupt commands anywhere, as Ctrl-C in a terminal does, and see that they end at once and the next run goes on.

`python -m tests.faults.interrupt_anywhere --seed 0`: each step of the first run of a workspace, and each other command,
is interrupted at a random moment: by SIGINT to its whole process group, by SIGTERM, or killed by SIGKILL. Interrupted,
it must end within LIMIT_S with exit code 130 or 143 and without a traceback; nothing of it may still run soon after. A
run is then run again in the same workspace, and must come to the very result of an undisturbed one. `--in-a-row`
interrupts the steps of one workspace one after the other, each run going on where the one before was ended, and looks
at the result of the last alone: some seconds a step in place of a whole run.
"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from tasks.upkeep.initialise import initialise
from tests.faults.batches import table
from tests.faults.flow_work import PARAMS
from tests.faults.kill_anywhere import FINETUNE
from thawline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
MARK = "THAWLINE_FAULTS"
LIMIT_S = 5.0
LEFT_S = 6.0
RUN_S = 900.0
SIGNALS = {"int": signal.SIGINT, "term": signal.SIGTERM, "kill": signal.SIGKILL}
STEPS = ("", *FINETUNE)
"""Of a run: '' is before its first step."""
OTHERS: dict[str, Sequence[str]] = {
    "init": ("init", "new", "--modality", "tabular", "--data", "first.csv"),
    "check": ("check", "-w", "space"),
    "check --report": ("check", "-w", "space", "--report"),
    "compare": ("compare", "-w", "space"),
    "arrive": ("arrive", "-w", "space", "more.csv"),
    "predict": ("predict", "-w", "trained", "more.csv"),
}


@dataclass(frozen=True)
class Aim:
    """What is interrupted, in which step ('' for anywhere), and how."""

    command: str
    step: str
    how: str


@dataclass(frozen=True)
class Ended:
    """How a command ended: exit code, seconds after the signal, what it said, and what of it still runs."""

    code: int
    seconds: float
    told: str
    left: list[str]


def start(arguments: Sequence[str], directory: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a command as a terminal does, with SIGINT as Python has it."""
    program = "import signal; signal.signal(2, signal.default_int_handler); from flows.cli import main; main()"
    return start_program(program, arguments, directory, log)


def start_program(program: str, arguments: Sequence[str], directory: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
    variables = {**inherited, "PYTHONPATH": str(ROOT), MARK: str(directory), "OMP_NUM_THREADS": "1"}
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=directory,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def interrupt(
    process: subprocess.Popen[bytes], how: str, directory: Path, log: Path, *, patience_s: float = 150.0
) -> Ended:
    """Interrupt a command and look how it ends."""
    begun = time.monotonic()
    with suppress(ProcessLookupError):  # it may have ended just now
        os.killpg(process.pid, SIGNALS[how]) if how == "int" else process.send_signal(SIGNALS[how])
    try:
        code = process.wait(patience_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        code = process.wait()
    seconds = time.monotonic() - begun
    return Ended(code, seconds, log.read_text(errors="replace"), leftovers(directory))


def leftovers(directory: Path) -> list[str]:
    """Return what of a command still runs after LEFT_S."""
    deadline = time.monotonic() + LEFT_S
    while (found := _running(directory)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def _running(directory: Path) -> list[str]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get(MARK) == str(directory) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:100]}")
        except psutil.Error:
            continue
    return found


def find_faults(ended: Ended, how: str) -> list[str]:
    """Return what is wrong with how a command ended; nothing if it had ended well before."""
    faults = [f"left: {name}" for name in ended.left]
    if how == "kill" or ended.code == 0:
        return faults
    wanted = 128 + SIGNALS[how]
    checks = {
        f"exit code {ended.code}, not {wanted}": ended.code == wanted,
        f"it took {ended.seconds:.1f} s": ended.seconds <= LIMIT_S,
        "a traceback": "Traceback" not in ended.told,
        "Prefect is blamed": "does not answer" not in ended.told,
        "it does not say that it was interrupted": "interrupted; " in ended.told,
    }
    return faults + [fault for fault, is_well in checks.items() if not is_well]


def result_of(workspace: Workspace, directory: Path, log: Path) -> dict[str, Any]:
    """Run a workspace to its end; return what must be the same whatever was before."""
    code = start(("run", "-w", str(workspace.root), "--json"), directory, log).wait(RUN_S)
    told = log.read_text(errors="replace")
    if code != 0:
        return {"exit code": code, "told": told[-1500:]}
    answer = json.loads(told.strip().splitlines()[-1])
    return {key: answer[key] for key in ("data_version", "candidate", "metrics", "cv", "rows", "promoted", "version")}


def wait_for(process: subprocess.Popen[bytes], step: str, log: Path) -> None:
    """Wait until a run is in a step, or has ended."""
    while process.poll() is None and step not in log.read_text(errors="replace").splitlines():
        time.sleep(0.02)


class Trial:
    """A directory with first data, a workspace that never ran, and one that ran undisturbed."""

    def __init__(self, directory: Path, rng: random.Random) -> None:
        self.directory, self.rng = directory, rng
        self.space = Workspace(directory / "space")
        self.log, self.again = directory / "log.txt", directory / "again.txt"
        table(np.random.default_rng(0), 200).to_csv(directory / "first.csv", index=False)
        table(np.random.default_rng(1), 60).to_csv(directory / "more.csv", index=False)
        self.new = initialise(directory / "first", directory / "first.csv", PARAMS).workspace
        self.trained = Workspace(directory / "trained")
        shutil.copytree(self.new.root, self.trained.root)
        begun = time.monotonic()
        self.expected = result_of(self.trained, directory, self.again)
        self.run_s = time.monotonic() - begun
        if "exit code" in self.expected:
            raise SystemExit(f"the undisturbed run failed: {self.expected}")

    def renew(self) -> None:
        """Put a workspace that never ran in the place of the one that is interrupted."""
        shutil.rmtree(self.space.root, ignore_errors=True)
        shutil.copytree(self.new.root, self.space.root)

    def interrupt_one(self, aim: Aim) -> list[str]:
        """Interrupt one command; return what was wrong with how it ended."""
        shutil.rmtree(self.directory / "new", ignore_errors=True)
        arguments = ("run", "-w", "space") if aim.command == "run" else OTHERS[aim.command]
        process = start(arguments, self.directory, self.log)
        if aim.command == "run":
            if aim.step:
                wait_for(process, aim.step, self.log)
            time.sleep(self.rng.uniform(0, 0.04 * self.run_s) if aim.step else self.rng.uniform(0.5, 0.15 * self.run_s))
        else:
            time.sleep(self.rng.uniform(1, 0.25 * self.run_s))
        ended = interrupt(process, aim.how, self.directory, self.log)
        print(f"{aim.how:4s} {aim.command} {aim.step:19s} exit {ended.code} after {ended.seconds:.1f} s", flush=True)
        return find_faults(ended, aim.how)

    def run_again(self) -> list[str]:
        """Run the interrupted workspace to its end; return what is wrong with the result."""
        result = result_of(self.space, self.directory, self.again)
        return [] if result == self.expected else [f"the next run came to {result}"]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--how", nargs="*", default=[*SIGNALS], choices=[*SIGNALS], help="signals to send")
    parser.add_argument("--steps", nargs="*", default=[*STEPS], choices=[*STEPS], help="of `run`; '' before the first")
    parser.add_argument("--commands", nargs="*", default=[*OTHERS], choices=[*OTHERS], help="others to interrupt")
    parser.add_argument("--in-a-row", action="store_true", help="the steps in one workspace, with one run at the end")
    chosen = parser.parse_args()
    aims = [Aim("run", step, how) for step in chosen.steps for how in chosen.how]
    aims += [Aim(command, "", how) for command in chosen.commands for how in chosen.how]
    directory = Path(tempfile.mkdtemp())
    trial = Trial(directory, random.Random(chosen.seed))  # noqa: S311 - moments, no secrets
    num_faults = 0
    for number, aim in enumerate(aims):
        if number == 0 or aim.command != "run" or not chosen.in_a_row:
            trial.renew()
        faults = trial.interrupt_one(aim)
        is_last = number + 1 == len(aims) or aims[number + 1].command != "run"
        if aim.command == "run" and (is_last or not chosen.in_a_row):
            faults += trial.run_again()
        num_faults += len(faults)
        for fault in faults:
            print(f"     {fault}", flush=True)
        if faults:
            shutil.copy(trial.log, f"{directory}-{number}.txt")
    print(f"{len(aims)} interrupted: {f'{num_faults} FAULTS' if num_faults else 'all ended well, nothing lost'}")
    shutil.rmtree(directory)
    return 1 if num_faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
