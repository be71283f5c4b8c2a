"""W1, W3 and W4: five folds, every side on the same rows."""

import dataclasses
import sys
import tempfile
from pathlib import Path

from bench.environments import NotInstalledError, open_environment
from bench.options import Options
from bench.peers import Peer, peers_for
from bench.results import save
from bench.rows import Shared, share
from bench.sides import OURS, Measured, run_ours, run_peer

SIZES = {"W1": ("text", 1000, 200), "W3": ("image", 2000, 300), "W4": ("table", 20_000, 2000)}


def measure(work: str, options: Options) -> None:
    """Run all sides of one of these works and save what they came to."""
    kind, whole, reduced = SIZES[work]
    num_rows = options.rows or (reduced if options.quick else whole)
    settings = ("split.num_folds=2",) if options.quick else ()
    data = {"image": options.garments, "table": options.flights}.get(kind)
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        shared = share(kind, place, data=data, num_rows=num_rows, settings=settings, threads=options.threads)
        facts = {"kind": kind, "num_rows": len(shared.labels), "num_folds": shared.task.num_folds}
        for repeat in range(options.repeats):
            for side in sides(kind, options):
                result = run_side(
                    side,
                    shared.of_folds(options.folds if side else None),
                    place / f"{side.name if side else OURS}-{repeat}",
                )
                result = scaled(result, shared)
                say(result)
                save(
                    work,
                    "folds",
                    [{**result.as_dict(), "repeat": repeat}],
                    threads=options.threads,
                    place=options.place,
                    facts=facts,
                )


def sides(kind: str, options: Options) -> list[Peer | None]:
    """Return the sides that were asked for; None is the product."""
    ours: list[Peer | None] = [None] if options.wants(OURS) else []
    return [*ours, *(peer for peer in peers_for(kind) if options.wants(peer.name))]


def run_side(peer: Peer | None, shared: Shared, out: Path) -> Measured:
    """Run a side; one whose environment can't be made says why."""
    if peer is None:
        return run_ours(shared, out)
    try:
        python = open_environment(peer.environment)
    except NotInstalledError as error:
        return Measured(peer.name, peer.title, len(shared.labels), reason=f"not installed: {error}")
    return run_peer(peer, shared, out, python)


def scaled(result: Measured, shared: Shared) -> Measured:
    """Return the seconds of all folds, where only some were trained."""
    done, wanted = len(result.fold_seconds), shared.task.num_folds
    if result.seconds is None or result.process_seconds is None or done == wanted:
        return result
    beside = result.process_seconds - result.seconds
    seconds = result.seconds * wanted / done
    return dataclasses.replace(
        result, seconds=seconds, process_seconds=seconds + beside, extrapolated=f"from {done} of {wanted} folds"
    )


def say(result: Measured) -> None:
    """Print a measurement on standard error."""
    if result.seconds is None:
        told = result.reason
    else:
        f1 = sum(result.f1_macro) / len(result.f1_macro)
        told = f"{result.seconds:.1f} s ({result.process_seconds:.1f} with imports), macro-F1 {f1:.4f}"
    print(f"  {result.title}: {told}", file=sys.stderr, flush=True)
