"""How deep fine-tuning pays, found on a part of one fold before all folds pay for it.

The rungs go down from the exact head: the head alone, then as many layer groups as the policy's phases unfreeze, each
from that head, for the whole course. They are judged by their Brier score, each at its best temperature, on rows that
they did not learn from, numbers by their squared error. A rung pays if it takes off more than chance would and raises
the score that decides, and if all folds can go as deep in the time that `train.max_seconds` grants.

What is shared between folds is this one choice. Its rows are the first fold's training rows, which other folds score.
"""

import dataclasses
import time
from functools import cache

import numpy as np
from numpy.typing import NDArray
from prefect import task

from models.heads.linear import LinearHead
from models.inputs.rows import Indices, draw_in_order
from models.training.loop import predict_probabilities
from models.training.policies import plan_phases
from targets import target_of
from tasks.caching import step_cache
from tasks.edges import DEPTH, FROZEN, ROWS, after, note, noted
from tasks.results.depth import Rung, Scouted
from tasks.training.device_slots import on_device
from tasks.training.first_phases import train_first_phases
from tasks.training.linear_heads import choose_strength, head_problem
from tasks.training.setup import (
    Training,
    groups_of,
    learned_rows,
    open_checkpoints,
    open_training,
    policy_settings,
)
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.params.scopes import TRAINING
from thawline.rows.splits import assign_folds
from thawline.scores.metrics import TITLES, standard_error
from thawline.system.console import progress

POLICY = "auto"
NUM_PARTS = 4
"""Of the first fold's training rows, one part judges."""
MAX_FITTED, MAX_JUDGED = 1500, 1000
"""More rows would tell more, and cost in proportion."""
BEYOND_CHANCE = 1.0
"""Standard errors of the rows' differences by which a rung must lower the Brier score.

Log loss tells less: it hangs on the few rows that are quite wrong.
"""


def settle_depth(context: Context) -> tuple[Context, Scouted | None]:
    """Return the work with the depth that pays, where the params leave it open, and what was found."""
    train = context.params.train
    if train.policy != POLICY or train.depth is not None:
        return context, None
    found = after(scout, noted(FROZEN, ROWS))(context)
    note(DEPTH, found)
    return context.with_params(context.params.with_values("train", depth=found.depth)), found


def is_settled(context: Context) -> bool:
    """Return whether nothing is left to choose in a fold: the phases are run to their ends, on all of its rows."""
    return context.params.train.policy == POLICY and context.params.train.depth is not None


@task(name="scout", **step_cache(TRAINING))
@on_device
def scout(context: Context) -> Scouted:
    """Train a part of the first fold's rows from the head down, a rung after the other, for as long as it gains."""
    started = time.monotonic()
    data = load_train_set(context)
    fitted, judged = _draw(data, learned_rows(context, 0), context.params.seed)
    target, losses = target_of(context.params), list[NDArray[np.float64]]()
    rungs: list[Rung] = []
    too_long: dict[int, float] = {}
    phases = plan_phases(context.params.train.policy, groups_of(context), policy_settings(context.params))
    depths = [0, *(len(phase.trainable) - 1 for phase in phases[1:])]
    times = (len(data.labels) + sum(len(learned_rows(context, fold)) for fold in range(data.num_folds))) / len(fitted)
    limit = context.params.train.max_seconds
    if len(np.unique(data.labels[fitted])) < 2 or not len(judged):
        depths = []  # nothing can be told from so few rows
    solve = cache(lambda: _solve(context, fitted))  # the same head for all depths
    with progress("how deep it pays", len(depths)) as advance:
        for depth in depths:
            training = _open(context, depth, fitted)
            train_first_phases([training], [solve], description="head")
            seconds = times * _unfreeze(training, limit / times)
            if seconds > limit:
                too_long[depth] = seconds
                break
            probabilities = predict_probabilities(training.classifier, training.data.rows, judged, store=training.store)
            off, score = target.judged(training.data.labels[judged], probabilities)
            losses.append(off)
            gains = losses[0] - losses[-1]
            rungs.append(
                Rung(
                    depth=depth,
                    loss=float(losses[-1].mean()),
                    gain=float(gains.mean()),
                    error=standard_error(gains),
                    score=score,
                    seconds=seconds,
                )
            )
            advance(f"{depth} layer groups, {target.off} {rungs[-1].loss:.4f}")
            if depth and rungs[-1].gain <= rungs[-2].gain:
                break
    return Scouted(
        rungs=rungs,
        depth=choose_depth(rungs, context.params.train.min_gain),
        too_long=too_long,
        num_fitted=len(fitted),
        num_judged=len(judged),
        seconds=time.monotonic() - started,
        title=TITLES[target.main],
        off=target.off,
    )


def choose_depth(rungs: list[Rung], min_gain: float) -> int:
    """Return the depth that lowers the loss most, of those that do so beyond chance and better the answers."""
    paying = [
        one for one in rungs[1:] if one.gain > BEYOND_CHANCE * one.error and one.score >= rungs[0].score + min_gain
    ]
    return max(paying, key=lambda one: one.gain).depth if paying else 0


def _draw(data: TrainSet, rows: Indices, seed: int) -> tuple[Indices, Indices]:
    """Return, of some training rows, those that are learned from and those that judge; groups stay whole."""
    part = assign_folds(data.frame.iloc[rows], num_folds=NUM_PARTS, seed=seed)
    rng = np.random.default_rng(seed)
    return draw_in_order(rows[part > 0], MAX_FITTED, rng), draw_in_order(rows[part == 0], MAX_JUDGED, rng)


def _solve(context: Context, fitted: Indices) -> LinearHead:
    problem = head_problem(context, 0)
    return problem.solve(fitted, choose_strength(context, problem, fitted))


def _unfreeze(training: Training, max_seconds: float) -> float:
    """Run a training's other phases; return their seconds, or after the first epoch those expected if too many."""
    seconds = 0.0
    for record in training.run():
        if record.phase != training.phases[0].name:
            seconds += record.seconds
            if record.phase_epoch == 1 and seconds * training.phases[-1].num_epochs > max_seconds:
                return seconds * training.phases[-1].num_epochs
    return seconds


def _open(context: Context, depth: int, fitted: Indices) -> Training:
    deep = context.with_params(context.params.with_values("train", depth=depth))
    training = open_training(deep, 0, all_rows=True)
    return dataclasses.replace(
        training,
        data=dataclasses.replace(training.data, train=fitted, validation=None),
        checkpoints=open_checkpoints(context, f"scout-{depth}"),
    )
