"""W2: five folds with a search of 20 trials, on mails.

The product searches by phases on its activation store. Beside it: successive halving with the Hugging Face Trainer,
measured on as many folds as are asked for and, if those are not all, multiplied; and plain full fine-tuning of every
trial in every fold, which nobody waits for: 20 times the seconds of one, measured as in W1.
"""

import dataclasses
import tempfile
from pathlib import Path

from bench.cross_validation import run_side, say, scaled
from bench.options import Options
from bench.peers import PEERS
from bench.results import save
from bench.rows import share
from bench.sides import OURS, Measured, run_ours

NUM_ROWS, NUM_ROWS_QUICK = 1000, 100
NUM_TRIALS = 20
FULL, HALVING = "hf_full", "hf_halving"


def measure(options: Options) -> None:
    """Run the sides and save what they came to."""
    num_rows = options.rows or (NUM_ROWS_QUICK if options.quick else NUM_ROWS)
    settings = ["search.strategy=bayesian", f"search.num_trials={NUM_TRIALS}"]
    settings += ["split.num_folds=2"] if options.quick else []
    peers = {peer.name: peer for peer in PEERS}
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        shared = share(
            "text",
            place,
            num_rows=num_rows,
            settings=tuple(settings),
            threads=options.threads,
            options=options.for_peers,
        )
        measured_folds = shared.of_folds(options.peer_folds)
        facts = {"num_rows": len(shared.labels), "num_folds": shared.task.num_folds, "num_trials": NUM_TRIALS}
        results: list[Measured] = []
        if options.wants(OURS):
            results.append(run_ours(shared, place / OURS))
        if options.wants(HALVING):
            results.append(scaled(run_side(peers[HALVING], measured_folds, place / HALVING), shared))
        if options.wants(FULL):
            one = scaled(run_side(peers[FULL], measured_folds, place / FULL), shared)
            results.append(every_trial(one))
        for result in results:
            say(result)
        save(
            "W2",
            "search",
            [result.as_dict() for result in results],
            threads=options.threads,
            place=options.place,
            facts=facts,
        )


def every_trial(one: Measured) -> Measured:
    """Return what `NUM_TRIALS` trainings like this one would take."""
    if one.seconds is None:
        return one
    told = f"{NUM_TRIALS} times one training in every fold" + (f", {one.extrapolated}" if one.extrapolated else "")
    return dataclasses.replace(one.times(NUM_TRIALS), extrapolated=told)
