"""A search by successive halving on the Hugging Face Trainer, nothing stored: in each fold, what W2 is compared with.

Twenty trials drawn from the space of Thawline's new workspaces train the head for an epoch on the frozen encoder; the
better half by inner macro-F1 trains it for two more; the best five train the top blocks for an epoch; the best two for
another. So each trial that goes on has twice the epochs (eta = 2, Jamieson and Talwalkar 2016), and every epoch is a
pass of the rows through the whole encoder. Each fold halves by itself.
"""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from torch import Tensor

from bench.peers.hf_freeze import TOP_PARTS, Depth, train
from bench.peers.hf_rows import Prepared, predict, prepare
from bench.peers.protocol import Ints, Task, run

INNER_SHARE = 0.1
RUNGS = ((1, 1, 20), (1, 2, 10), (TOP_PARTS["text"], 1, 5), (TOP_PARTS["text"], 1, 2))
"""Parts to train, epochs and trials of each rung."""


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    fitted, inner = train_test_split(
        training, test_size=INNER_SHARE, stratify=training["label"], random_state=task.seed
    )
    inner_rows = inner.drop(columns="label")
    prepared = prepare(task, fitted, inner_rows)
    scored = prepare(task, fitted.head(1), validation).validation
    depths = draw_trials(RUNGS[0][2], seed=task.seed)
    states = {number: _snapshot(prepared, RUNGS[-1][0]) for number in range(len(depths))}
    running = list(range(len(depths)))
    for num_parts, num_epochs, num_trials in RUNGS:
        scores: dict[int, float] = {}
        running = running[:num_trials]
        for number in running:
            _restore(prepared, states[number])
            head, top = depths[number]
            depth = replace(head if num_parts == 1 else top, num_parts=num_parts, num_epochs=num_epochs)
            train(task, prepared, depth)
            states[number] = _snapshot(prepared, RUNGS[-1][0])
            scores[number] = float(f1_score(inner["label"], predict(prepared), average="macro"))
        running.sort(key=lambda number: -scores[number])
    _restore(prepared, states[running[0]])
    return predict(replace(prepared, validation=scored))


def draw_trials(number: int, *, seed: int) -> list[tuple[Depth, Depth]]:
    """Return the values of each trial, for its head and for the top blocks."""
    random = np.random.default_rng(seed)
    trials = []
    for _ in range(number):
        head_rate, decay, top_rate = (
            float(np.exp(random.uniform(*np.log(bounds)))) for bounds in ((5e-4, 5e-2), (1e-3, 0.3), (5e-5, 4e-4))
        )
        batch_size, smoothing = int(random.choice([32, 64])), float(random.choice([0.0, 0.05]))
        head = Depth(1, 1, head_rate, decay, batch_size, smoothing)
        trials.append((head, replace(head, rate=top_rate)))
    return trials


def _snapshot(prepared: Prepared, num_parts: int) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in _parameters(prepared, num_parts)]


def _restore(prepared: Prepared, values: list[Tensor]) -> None:
    with torch.no_grad():
        for parameter, value in zip(_parameters(prepared, RUNGS[-1][0]), values, strict=True):
            parameter.copy_(value)


def _parameters(prepared: Prepared, num_parts: int) -> Iterable[torch.nn.Parameter]:
    return [parameter for part in prepared.parts[-num_parts:] for parameter in part]


if __name__ == "__main__":
    run(train_and_predict, libraries=["transformers", "torch"])
