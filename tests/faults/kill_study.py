"""Kill a search at random moments and see that its study ends the same: python -m tests.faults.kill_study.

The search runs once undisturbed. Then it is killed by SIGKILL at random moments and started again, until it has been
killed so many times; whenever it comes to its end, it must hold the trials of the undisturbed one, none lost, none
doubled, with the same values to the last digit, and another search begins.
"""

import argparse
import json
import os
import signal
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from flows.search import screen_all
from tasks.searching.study import open_study
from tasks.searching.trials import screen
from tests.unit.models.conftest import make_texts
from tests.unit.tasks.words import words_context, write_words
from thawline.context import Context

ROOT = Path(__file__).resolve().parents[2]
MAILS = ROOT / "examples" / "spam" / "mails.csv.xz"
SPACE = {
    "train.head_learning_rate": {"low": 1e-3, "high": 1e-1, "log": True},
    "train.batch_size": {"choices": [16, 32]},
    "model.dropout": {"low": 0.0, "high": 0.5},
}


@dataclass(frozen=True)
class Case:
    """The workspace, and what is searched in it."""

    root: Path
    search: dict[str, Any]
    encoder: str

    def context(self, version: str) -> Context:
        """Return the work; each version has a study of its own."""
        params = {
            "train": {"head_epochs": 8, "inner_share": 0.2, "batch_size": 16},
            "model": {"encoder": self.encoder, "max_tokens": 32},
            "search": self.search,
        }
        return words_context(self.root, params, version=version)


def make_case(root: Path, chosen: argparse.Namespace) -> Case:
    if chosen.mails:
        frame = pd.read_csv(MAILS, keep_default_na=False).drop_duplicates("text")
        frame = pd.concat([part.head(chosen.mails // 2) for _, part in frame.groupby("label")]).sample(
            frac=1, random_state=0
        )
        write_words(root, frame["text"].tolist(), frame["label"].eq("spam").to_numpy().astype(np.int64))
    else:
        write_words(root, *make_texts(120))
    (root / ".thawline").mkdir()
    search = {"strategy": chosen.strategy, "num_trials": chosen.trials, "storage": chosen.storage, "space": SPACE}
    return Case(root, search, "auto" if chosen.mails else "bert")


def start(case: Case, version: str) -> int:
    """Start the search in a process of its own; return its id."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        context = case.context(version)
        screen_all(context, screen.fn)
        trials = [
            {"number": trial.number, "state": trial.state.name, "value": trial.value, "params": trial.params}
            for trial in open_study(context).get_trials(deepcopy=False)
        ]
        (case.root / f"ended-{version}.json").write_text(json.dumps(trials))
        status = 0
    finally:
        if status:
            traceback.print_exc()
        os._exit(status)  # a forked child must not clean up what is its parent's
    return 0


def run_to_end(case: Case, version: str) -> list[dict[str, Any]]:
    """Run the search to its end; return its trials."""
    _, status = os.waitpid(start(case, version), 0)
    if status:
        raise SystemExit(f"the search failed with status {status}")
    trials: list[dict[str, Any]] = json.loads((case.root / f"ended-{version}.json").read_text())
    return trials


def kill_after(case: Case, version: str, delay_s: float) -> bool:
    """Start the search and kill it after a while; return whether it was still running."""
    pid = start(case, version)
    time.sleep(delay_s)
    done, _ = os.waitpid(pid, os.WNOHANG)
    if done:
        return False
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    return True


def kill_and_resume(case: Case, *, kills: int, seed: int) -> int:
    """Kill and resume so many times; return how many searches ended differently from the undisturbed one."""
    rng = np.random.default_rng(seed)
    run_to_end(case, "warm-up")  # fills the store
    begun = time.monotonic()
    expected = run_to_end(case, "undisturbed")
    seconds = time.monotonic() - begun
    print(f"undisturbed: {len(expected)} trials in {seconds:.1f} s")
    num_killed = num_ended = num_different = here = 0
    while num_killed < kills or here:
        version = f"killed-{num_ended}"
        if num_killed < kills and kill_after(case, version, rng.uniform(0, seconds)):
            num_killed, here = num_killed + 1, here + 1
            continue
        trials = run_to_end(case, version)
        same = trials == expected and [one["number"] for one in trials] == list(range(len(trials)))
        print(f"search {num_ended + 1}, killed {here} times: {len(trials)} trials,", "same" if same else "DIFFERENT")
        num_ended, num_different, here = num_ended + 1, num_different + (not same), 0
    return num_different


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=10, help="how often to kill")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--strategy", default="bayesian", help="of the search")
    parser.add_argument("--trials", type=int, default=25, help="of the search")
    parser.add_argument("--storage", help="database of the trials; SQLite if not given")
    parser.add_argument("--mails", type=int, default=0, metavar="ROWS", help="screen on MiniLM and so many mails")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        num_different = kill_and_resume(make_case(Path(name), chosen), kills=chosen.kills, seed=chosen.seed)
    print(f"{chosen.kills} kills, {num_different} searches ended differently")
    return 1 if num_different else 0


if __name__ == "__main__":
    raise SystemExit(main())
