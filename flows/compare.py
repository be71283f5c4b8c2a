"""The flows behind `thawline compare`: approaches on growing shares of the rows within some seconds, or encoders."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from prefect import flow

from flows.cross_validation import cross_validate
from flows.opening import opened
from flows.starting.naming import name_run
from models.encoders.precision.small_layers import Precision
from tasks.comparing.approaches import APPROACHES, draw_share, measure, prepare_vectors, strongest_baseline
from tasks.comparing.encoders import ComparedEncoders, add_staged, best_work, measure_encoders, record_encoders
from tasks.comparing.record import record_comparison
from tasks.comparing.report import SCRATCH
from tasks.results.outcomes import ComparedApproaches, Measured
from tasks.training.scout import settle_depth
from thawline.context import Context
from thawline.params import Params
from thawline.system.console import progress

PRUDENCE = 1.2
"""A training is begun if so many times its expected seconds are left."""


@flow(name="compare", flow_run_name=name_run, validate_parameters=False)
def compare(root: Path, overrides: Sequence[str] = ()) -> ComparedApproaches:
    """Compare the approaches of this workspace; nothing is registered.

    Args:
        root: The workspace's directory.
        overrides: Values such as 'compare.num_seeds=3' on top of params.yaml, for this comparison.

    Raises:
        DataRefusedError: A critical expectation failed; nothing was trained.
        WorkspaceBusyError: Another run works in this workspace.
        ThawlineError: Anything else that stops the comparison.
    """
    with opened(root, overrides) as (context, tracking):
        deep, _ = settle_depth(context)
        return record_comparison(context, tracking, measure_all(deep))


@flow(name="compare encoders", flow_run_name=name_run, validate_parameters=False)
def compare_encoders(
    root: Path,
    names: Sequence[str],
    overrides: Sequence[str] = (),
    *,
    formats: Sequence[Precision] = (),
    staged: bool = False,
) -> ComparedEncoders:
    """Compare encoders, each left frozen, with the one of this workspace; nothing is registered.

    Args:
        root: The workspace's directory.
        names: Encoders, as `model.encoder` names them.
        overrides: Values such as 'model.max_tokens=128' on top of params.yaml, for this comparison.
        formats: Of `model.frozen_dtype`, besides the one in use.
        staged: Also train the best of them in stages, in every fold.

    Raises:
        UsageError: This kind of data has no encoder that was pretrained elsewhere.
        EncoderNotFoundError: Nothing loadable is where a name says.
        ThawlineError: As for `compare`.
    """
    with opened(root, overrides) as (context, tracking):
        compared = measure_encoders(context, names, formats)
        if staged:
            deep, _ = settle_depth(best_work(context, compared))
            compared = add_staged(deep, compared, cross_validate(deep))
        return record_encoders(context, tracking, compared)


def measure_all(context: Context) -> ComparedApproaches:
    """Train by every approach on every share, as `trainings` orders them; what would not end in time is left out."""
    started = time.monotonic()
    limit = context.params.compare.max_seconds
    plan = list(trainings(context.params))
    measured: list[Measured] = []
    left_out: list[str] = []
    seconds_per_row: dict[str, float] = {}
    prepared: set[int] = set()
    with progress("compare approaches", len(plan)) as advance:
        for approach, percent, seed in plan:
            advance(f"{approach} on {percent} %, seed {seed}")
            share = draw_share(context, percent, seed)
            expected = seconds_per_row.get(approach, 0.0) * len(share.learned) * PRUDENCE
            if time.monotonic() - started + expected > limit and measured:
                left_out.append(f"{approach} on {percent} %, seed {seed}")
                continue
            if share.fold not in prepared:
                prepare_vectors(context, share.fold)
                prepared.add(share.fold)
            begun = time.monotonic()
            one = measure(context, approach, percent, seed)
            measured.append(one)
            seconds_per_row[approach] = max(time.monotonic() - begun, one.seconds) / len(share.learned)
    return ComparedApproaches(
        baseline=strongest_baseline(context),
        measured=measured,
        left_out=left_out,
        seconds=time.monotonic() - started,
    )


def trainings(params: Params) -> Iterator[tuple[str, int, int]]:
    """Yield (approach, percent, seed) of each training, a whole curve before the next seed, small shares first.

    From random weights, which takes the longest and is hardly ever what a person chooses, the network is trained last.
    """
    for approaches in ([name for name in APPROACHES if name != SCRATCH], [SCRATCH]):
        for seed in range(params.compare.num_seeds):
            for percent in params.compare.percents:
                for approach in approaches:
                    yield approach, percent, seed
