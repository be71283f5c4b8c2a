"""What the frozen encoder makes of a work's rows, and the exact linear heads on it: one for each fold, one for all.

They are the baseline "frozen features", and where the deeper phases of fine-tuning start.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from models.heads.linear import HeadProblem, LinearHead
from models.heads.ridge import RidgeProblem
from models.inputs.rows import draw_in_order
from targets import target_of
from tasks.training.device_slots import on_device
from tasks.training.row_weights import row_weights
from tasks.training.setup import has_own_vectors, learned_rows, open_training, unit_of
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.params.scopes import HEADS
from thawline.rows.splits import assign_folds

NUM_PARTS = 5
"""Parts of the rows learned from; each is held out once to choose the regularisation."""
MAX_TRIED_ROWS = 5000
"""Of more rows, a sample chooses how strong the regularisation is."""

Indices = NDArray[np.int64]


@on_device
def pooled_vectors(context: Context, fold: int | None) -> NDArray[np.float32]:
    """Return what the frozen encoder of a fold makes of all training rows and their views: float32 (V, N, D)."""
    return _pooled(context, fold if has_own_vectors(context) else 0)


@lru_cache(maxsize=8)
def _pooled(context: Context, fold: int | None) -> NDArray[np.float32]:
    return open_training(context, fold).pooled_vectors()


def solve_head(context: Context, fold: int | None, rows: Indices | None = None) -> LinearHead:
    """Return the exact head of a fold, or of all of train for None.

    Args:
        context: The work.
        fold: Whose training part is learned from, and chooses how strongly the head is regularised.
        rows: Those of them that the head is to be fitted to; all by default.
    """
    seen = _seen_by_heads(context)
    whole = _solve(seen, fold)
    return whole if rows is None else head_problem(seen, fold).solve(rows, whole.strength)


@lru_cache(maxsize=32)
def _solve(context: Context, fold: int | None) -> LinearHead:
    problem, rows = head_problem(context, fold), learned_rows(context, fold)
    return problem.solve(rows, choose_strength(context, problem, rows))


def head_problem(context: Context, fold: int | None) -> HeadProblem | RidgeProblem:
    """Return what linear heads of a fold are fitted to: classes, or numbers in the fold's unit."""
    data, train, unit = load_train_set(context), context.params.train, unit_of(context, fold)
    problem: HeadProblem | RidgeProblem = target_of(context.params).head_problem(
        vectors=pooled_vectors(context, fold),
        labels=data.labels if unit is None else unit.standardise(data.labels),
        num_outputs=len(data.classes),
        weights=row_weights(context, len(data.labels)),
        balanced="balanced" in (train.class_weights, train.sampling),
    )
    return problem


def choose_strength(
    context: Context, problem: HeadProblem | RidgeProblem, rows: Indices, data: TrainSet | None = None
) -> float:
    """Return how strongly a head on these rows is regularised, chosen on parts of them; groups stay whole.

    `data` are the training rows with other groups than theirs.
    """
    seed = context.params.seed
    tried = draw_in_order(rows, MAX_TRIED_ROWS, np.random.default_rng(seed))
    parts = assign_folds((data or load_train_set(context)).frame.iloc[tried], num_folds=NUM_PARTS, seed=seed)
    return problem.choose_strength(tried, parts)


def _seen_by_heads(context: Context) -> Context:
    """Return the work with only those params that exact heads depend on: trials of a search share them."""
    return context.with_params(HEADS.narrow(context.params).with_values("train", policy="head_only"))
