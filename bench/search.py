"""What a search costs and brings: `python -m bench.search [MAILS] [TOKENS] [TRIALS]`, on the example's mails.

1. One cross-validation with policy `auto`, five folds, without a search.
2. The same with a search by each strategy, in a workspace of its own: seconds, trials, the winner's score.
3. Ten trials screened together and one by one: ranks and scores.

Each run is a process of its own (`thawline run --json`), so that nothing is warm for the second.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tasks.study import next_batch, open_study
from tasks.trials import screen
from thawline.context import Context, hash_code
from thawline.params_file import load_params
from thawline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[1]
STRATEGIES = ("bayesian", "random", "grid")
NUM_COMPARED = 10
STEPS = ("search", "cross-validate")


def thawline(*arguments: str, cwd: Path) -> dict[str, Any]:
    """Run a command as a process of its own and return its JSON."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
    process = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments, "--json"],
        cwd=cwd,
        env={**inherited, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    if process.returncode:
        raise SystemExit(process.stderr[-3000:])
    answer: dict[str, Any] = json.loads(process.stdout.strip().splitlines()[-1])
    return answer


def make_workspace(place: Path, num_rows: int) -> Path:
    """Return a workspace with so many mails."""
    mails = pd.read_csv(ROOT / "examples" / "spam" / "mails.csv.xz", keep_default_na=False)
    place.mkdir(parents=True)
    mails.drop_duplicates("text").head(num_rows).to_csv(place / "mails.csv", index=False)
    thawline("init", "space", "--data", "mails.csv", "--label", "label", "--text", "text", cwd=place)
    return place / "space"


def run(space: Path, settings: list[str]) -> tuple[float, dict[str, Any]]:
    """Run the line; return the seconds of search and cross-validation together, and the result."""
    result = thawline("run", *[part for one in settings for part in ("--set", one)], cwd=space)
    return sum(result["seconds"].get(step, 0.0) for step in STEPS), result


def compare_screenings(space: Path, settings: list[str]) -> None:
    """Print scores and ranks of trials screened together and one by one."""
    params = load_params(Workspace(space), [*settings, "search.strategy=random", f"search.num_trials={NUM_COMPARED}"])
    context = Context(root=space, params=params, data_version="bench", code_version=hash_code())
    trials = {trial.number: trial.params for trial in next_batch(open_study(context), params)}
    seconds, scores = {}, {}
    for name, fused in (("together", True), ("one by one", False)):
        started = time.perf_counter()
        results = screen.fn(context, trials, fused=fused)
        seconds[name] = time.perf_counter() - started
        scores[name] = np.array([np.mean(result.f1_macro) for result in results.values()])
    together, alone = scores.values()
    ranks = [list(np.argsort(-values.round(6), kind="stable")) for values in (together, alone)]
    print(f"\n{len(trials)} trials in {params.split.num_folds} folds, encoder frozen:")
    for name, value in seconds.items():
        print(f"  {name}: {value:.1f} s")
    print(f"  largest difference of a score: {np.abs(together - alone).max():.5f}; same ranks: {ranks[0] == ranks[1]}")


def main(num_rows: int, max_tokens: int, num_trials: int) -> None:
    """Print the three tables."""
    common = ["train.policy=auto", f"model.max_tokens={max_tokens}", "validation.embedding=false"]
    with tempfile.TemporaryDirectory() as directory:
        plain = make_workspace(Path(directory) / "plain", num_rows)
        base, result = run(plain, common)
        print("| search | seconds | times plain | cv macro-F1 | inner macro-F1 of winner | of trial 0 |")
        print("|---|---|---|---|---|---|")
        print(f"| none | {base:.1f} | 1.0 | {result['cv']['mean']:.4f} | | |")
        for strategy in STRATEGIES:
            space = make_workspace(Path(directory) / strategy, num_rows)
            searched = [*common, f"search.strategy={strategy}", f"search.num_trials={num_trials}"]
            seconds, result = run(space, searched)
            found = result["search"]
            scores = {trial["number"]: trial["score"] for trial in found["trials"]}
            print(
                f"| {strategy}, {len(found['trials'])} trials | {seconds:.1f} | {seconds / base:.2f} | "
                f"{result['cv']['mean']:.4f} | {scores[found['winner']]:.4f} | {scores[0]:.4f} |",
                flush=True,
            )
        compare_screenings(plain, common)


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers or (1000, 64, 20)))
