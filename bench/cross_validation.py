"""W1, W3 and W4: five folds, every side on the same rows."""

import dataclasses
import statistics
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bench.environments import NotInstalledError, open_environment
from bench.options import Options
from bench.peers import Peer, peers_for
from bench.results import save
from bench.rows import Shared, share
from bench.sides import BLEND, OURS, Measured, run_ours, run_peer

BASELINES = {"text": "frozen_logistic", "table": "gradient_boosting"}
"""Of the product's own baselines, the one that is shown beside its fine-tuning."""
SIZES = {"W1": ("text", 1000, 100), "W3": ("image", 2000, 200), "W4": ("table", 20_000, 500)}


def measure(work: str, options: Options) -> None:
    """Run all sides of one of these works and save what they came to."""
    kind, whole, reduced = SIZES[work]
    num_rows = options.rows or (reduced if options.quick else whole)
    settings = ("split.num_folds=2",) if options.quick else ()
    data = {"image": options.garments, "table": options.flights}.get(kind)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        shared = share(
            kind,
            place,
            data=data,
            num_rows=num_rows,
            settings=settings,
            threads=options.threads,
            options=options.for_peers,
        )
        facts = {"kind": kind, "num_rows": len(shared.labels), "num_folds": shared.task.num_folds}
        for repeat in range(options.repeats):
            for name, run in sides(shared, options).items():
                result = run(place / f"{name}-{repeat}")
                say(result)
                entry = {**result.as_dict(), "repeat": repeat}
                save(work, "folds", [entry], threads=options.threads, place=options.place, facts=facts)


def sides(shared: Shared, options: Options) -> dict[str, Callable[[Path], Measured]]:
    """Return the sides that were asked for, by name; each takes a directory for what it leaves.

    Each of ours has a workspace of its own: none finds in the store what another has computed.
    """
    kind, measured_folds = shared.task.kind, shared.of_folds(options.peer_folds)
    named: dict[str, Callable[[Path], Measured]] = {OURS: partial(_run_ours, shared, "", "Thawline")}
    if baseline := BASELINES.get(kind):
        named[f"{OURS}_{baseline}"] = partial(_run_ours, shared, baseline, f"Thawline's baseline {baseline}")
    if shared.answers_by_blend:
        named[f"{OURS}_{BLEND}"] = partial(_run_ours, shared, BLEND, "Thawline, as it answers: with its baselines")
    for peer in peers_for(kind):
        named[peer.name] = partial(_run_scaled, peer, measured_folds, shared)
    return {name: run for name, run in named.items() if options.wants(name)}


def _run_ours(shared: Shared, baseline: str, title: str, out: Path) -> Measured:
    return run_ours(shared.anew(out.name), out, title=title, baseline=baseline)


def _run_scaled(peer: Peer, measured_folds: Shared, shared: Shared, out: Path) -> Measured:
    return scaled(run_side(peer, measured_folds, out), shared)


def run_side(peer: Peer, shared: Shared, out: Path) -> Measured:
    """Run a peer; one whose environment can't be made says why."""
    try:
        python = open_environment(peer.environment)
    except NotInstalledError as error:
        return Measured(peer.name, peer.title, len(shared.labels), reason=f"not installed: {error}")
    return run_peer(peer, shared, out, python)


def scaled(result: Measured, shared: Shared) -> Measured:
    """Return the seconds of all folds, where only some were trained."""
    done, wanted = len(result.fold_seconds), shared.task.num_folds
    if not done or done == wanted:
        return result
    return dataclasses.replace(result.times(wanted / done), extrapolated=f"from {done} of {wanted} folds")


def say(result: Measured) -> None:
    """Print a measurement on standard error."""
    took = "" if result.seconds is None else f"{result.seconds:.1f} s ({result.process_seconds:.1f} with imports), "
    told = f"{took}macro-F1 {statistics.mean(result.f1_macro):.4f}" if result.f1_macro else result.reason
    print(f"  {result.title}: {told}", file=sys.stderr, flush=True)
