"""Freezing written by hand on the Hugging Face Trainer: the head alone, then the topmost blocks with it.

What a careful user writes: `requires_grad` off below, frozen parts in eval mode, an optimizer for what trains, rows of
like length in a batch (`train_sampling_strategy="group_by_length"`, which was `group_by_length=True` before 5.0). The
depth, the epochs of the second phase, rates and batches are those that Thawline's new workspaces have, so that both do
the same work where it trains; the head has three epochs, as each of them is a pass through the whole encoder here.
"""

import tempfile
from dataclasses import dataclass
from typing import Any

import pandas as pd
from torch import nn
from transformers import Trainer, TrainingArguments

from bench.peers.hf_rows import BATCH_SIZE, Prepared, predict, prepare
from bench.peers.protocol import Ints, Task, run

HEAD_EPOCHS, HEAD_RATE = 3, 5e-3
TOP_EPOCHS = {"text": 2, "image": 6}
TOP_RATES = {"text": 3e-4, "image": 5e-4}
TOP_PARTS = {"text": 3, "image": 4}  # the head's among them


class FreezingTrainer(Trainer):
    """A Trainer that keeps the frozen parts in eval mode, which it would otherwise end at every step."""

    def compute_loss(self, model: nn.Module, *arguments: Any, **keywords: Any) -> Any:
        for module in model.modules():
            own = list(module.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                module.eval()
        return super().compute_loss(model, *arguments, **keywords)


@dataclass(frozen=True)
class Depth:
    """How deep to train, and how: the topmost parts of the network, the head's among them."""

    num_parts: int
    num_epochs: int
    rate: float
    weight_decay: float = 0.01
    batch_size: int = BATCH_SIZE
    label_smoothing: float = 0.0


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    prepared = prepare(task, training, validation)
    train(task, prepared, Depth(1, HEAD_EPOCHS, HEAD_RATE))
    num_epochs = task.options.get("num_epochs", TOP_EPOCHS[task.kind])
    train(task, prepared, Depth(TOP_PARTS[task.kind], num_epochs, TOP_RATES[task.kind]))
    return predict(prepared)


def train(task: Task, prepared: Prepared, depth: Depth) -> None:
    """Train the topmost parts of the network, from where they are."""
    for number, part in enumerate(prepared.parts):
        for parameter in part:
            parameter.requires_grad = number >= len(prepared.parts) - depth.num_parts
    with tempfile.TemporaryDirectory() as directory:
        arguments = TrainingArguments(
            output_dir=directory,
            num_train_epochs=depth.num_epochs,
            learning_rate=depth.rate,
            warmup_steps=0.1,  # a share of all
            weight_decay=depth.weight_decay,
            label_smoothing_factor=depth.label_smoothing,
            per_device_train_batch_size=depth.batch_size,
            per_device_eval_batch_size=BATCH_SIZE,
            train_sampling_strategy="group_by_length" if task.kind == "text" else "random",
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=task.seed,
        )
        trainer = FreezingTrainer(
            prepared.network, arguments, data_collator=prepared.collate, train_dataset=prepared.training
        )
        trainer.train()


if __name__ == "__main__":
    run(train_and_predict, libraries=["transformers", "torch"])
