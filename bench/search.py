"""What a search costs and brings, on the example's mails: `python -m bench.search --help`.

- `none`: one cross-validation with policy `auto`, five folds, without a search.
- `bayesian`, `random`, `grid`, `gp`: the same with a search: seconds, the winner's score.
- `screening`: ten trials screened together and one by one: ranks and scores.

The stages run once; each part is a process of its own in a workspace of its own, so that nothing is warm for the next,
and its seconds are those of the search and the cross-validation together, the frozen layers' pass over the rows too.
"""

import argparse
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from prefect import flow

from bench.line import make_space
from flows.cross_validation import cross_validate
from flows.search import search
from flows.starting.environment import prepare_environment
from tasks.searching.study import next_batch, open_study
from tasks.searching.trials import screen
from tasks.tracking.runs import open_tracking, start_run
from tasks.training.scout import settle_depth
from tasks.versions.dvc_repo import reproduce_data
from tasks.versions.prepare import settle_raw_files
from thawline.context import Context, hash_code
from thawline.params.file import load_params
from thawline.workspace import Workspace

STRATEGIES = ("bayesian", "random", "grid", "gp")
NUM_COMPARED = 10


def make_workspace(place: Path, num_rows: int) -> tuple[Path, str]:
    """Return a workspace with so many mails, past the stages, and the version of its data."""
    workspace = Workspace(make_space(place, num_rows, threads=1))
    settle_raw_files(workspace, load_params(workspace))
    return workspace.root, reproduce_data(workspace, force=False).data_version


def search_and_score(root: Path, data_version: str, settings: list[str]) -> dict[str, Any]:
    """Search and cross-validate in this process; return what it took and gave."""

    @flow(validate_parameters=False)
    def line() -> dict[str, Any]:
        context = open_context(root, data_version, settings)
        tracking = open_tracking(context.workspace, context.params)
        started, processor = time.perf_counter(), time.process_time()
        deep, _ = settle_depth(context)
        chosen = search(deep, tracking, start_run(tracking, "bench", role="finetune"))
        searched = time.perf_counter() - started
        scores = cross_validate(deep, chosen.works)
        answer = {"seconds": time.perf_counter() - started, "processor": time.process_time() - processor}
        answer |= {"search": searched, "f1": scores.mean(), "sd": scores.sd()}
        epochs = [fold.best_epochs for fold in scores.folds]
        return answer | {"found": chosen.found, "folds": scores.scores(), "epochs": epochs}

    return line()


def compare_screenings(root: Path, data_version: str, settings: list[str]) -> None:
    """Print scores and ranks of trials screened together and one by one."""
    context = open_context(
        root, data_version, [*settings, "search.strategy=random", f"search.num_trials={NUM_COMPARED}"]
    )
    trials = {trial.number: trial.params for trial in next_batch(open_study(context), context.params)}
    screen.fn(context, {0: {}})  # fills the store
    seconds, scores = {}, {}
    for name, fused in (("together", True), ("one by one", False)):
        started = time.perf_counter()
        results = screen.fn(context, trials, fused=fused)
        seconds[name] = time.perf_counter() - started
        scores[name] = np.array([np.mean(result.f1_macro) for result in results.values()])
    together, alone = scores.values()
    ranks = [list(np.argsort(-values.round(6), kind="stable")) for values in (together, alone)]
    print(f"\n{len(trials)} trials in {context.params.split.num_folds} folds, encoder frozen:")
    for name, value in seconds.items():
        print(f"  {name}: {value:.1f} s, scores {' '.join(f'{score:.4f}' for score in scores[name])}")
    print(f"  largest difference of a score: {np.abs(together - alone).max():.5f}; same ranks: {ranks[0] == ranks[1]}")


def open_context(root: Path, data_version: str, settings: list[str]) -> Context:
    """Return the work in a workspace that is past the stages."""
    params = load_params(Workspace(root), settings)
    return Context(root=root, params=params, data_version=data_version, code_version=hash_code())


def alone(root: Path, action: Callable[..., Any], *arguments: Any) -> Any:
    """Call a function on a copy of a workspace in a process of its own."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "space"
        shutil.copytree(root, copy)
        os.environ["PREFECT_LOCAL_STORAGE_PATH"] = str(copy / ".thawline" / "results")
        with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
            return pool.submit(action, copy, *arguments).result()


def report(strategy: str, answer: dict[str, Any]) -> None:
    """Print a row of the table, and on standard error what the folds scored and how many epochs they took."""
    print(f"  folds: {' '.join(map(str, answer['folds']))}, best epochs {answer['epochs']}", file=sys.stderr)
    told = [
        strategy,
        f"{answer['seconds']:.1f}",
        f"{answer['processor']:.1f}",
        f"{answer['f1']:.4f} ± {answer['sd']:.4f}",
    ]
    if found := answer["found"]:
        trials = {trial.number: trial for trial in found.trials}
        told += [f"{found.best.score:.4f}", f"{trials[0].score:.4f}", str(len(trials))]
        deep = {number: trial.seconds for number, trial in trials.items() if trial.num_phases > 1}
        told.append(", ".join(f"trial {number} {seconds:.0f} s" for number, seconds in deep.items()))
        print(f"  search alone: {answer['search']:.1f} s", file=sys.stderr)
        print(f"  {found.sentence()}", file=sys.stderr)
    print(f"| {' | '.join(told)} |", flush=True)


def main(chosen: argparse.Namespace) -> None:
    """Print what was asked for."""
    settings = [
        f"train.policy={chosen.policy}",
        f"model.max_tokens={chosen.tokens}",
        f"search.num_trials={chosen.trials}",
        *chosen.set,
    ]
    with tempfile.TemporaryDirectory() as directory:
        prepare_environment(Workspace(Path(directory)))
        root, version = make_workspace(Path(directory), chosen.rows)
        runs = [part for part in chosen.parts if part != "screening"]
        if runs:
            print(
                "| search | seconds | of a core | macro-F1 of the folds | inner, winner | trial 0 | trials | deeper |"
            )
            print("|---|---|---|---|---|---|---|---|", flush=True)
        for strategy in runs:
            report(strategy, alone(root, search_and_score, version, [*settings, f"search.strategy={strategy}"]))
        if "screening" in chosen.parts:
            alone(root, compare_screenings, version, settings)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["none", *STRATEGIES, "screening"], help="what is measured")
    parser.add_argument("--rows", type=int, default=1000, help="mails")
    parser.add_argument("--tokens", type=int, default=64, help="length that they are cut to")
    parser.add_argument("--trials", type=int, default=20, help="of each search")
    parser.add_argument("--policy", default="auto", help="unfreezing policy")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=VALUE", help="further params")
    main(parser.parse_args())
