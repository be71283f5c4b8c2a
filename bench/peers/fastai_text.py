"""fastai on texts: its Learner around a transformers network, unfrozen from the top down (ULMFiT's recipe).

fastai's own text models are LSTMs; the encoder of this comparison goes in as any torch module does. Gradual unfreezing
with discriminative rates as in https://docs.fast.ai/tutorial.text.html: the head for one epoch, then one block more for
one epoch each, then everything for two, rates divided by 2.6 from group to group, one cycle each.
"""

from typing import Any

import fastai.callback.progress  # noqa: F401
import fastai.callback.schedule  # noqa: F401 - both add methods to Learner
import numpy as np
import pandas as pd
import torch
from fastai.data.core import DataLoaders
from fastai.learner import Learner
from torch import Tensor, nn
from torch.utils.data import DataLoader

from bench.peers.hf_rows import Prepared, prepare
from bench.peers.protocol import Ints, Task, run

HEAD_RATE, TOP_RATE, FULL_RATE = 2e-3, 5e-4, 1e-4
DECAY = 2.6
BATCH_SIZE = 32


class Logits(nn.Module):
    """A network that takes the batch as one argument and gives its logits alone, as Learner wants it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        logits: Tensor = self.network(**batch)["logits"]
        return logits


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    prepared = prepare(task, training, validation)
    loader = _loader(prepared.training, prepared, shuffle=True)
    loaders = DataLoaders(loader, loader, device=torch.device("cpu"))
    learner = Learner(
        loaders, Logits(prepared.network), loss_func=nn.CrossEntropyLoss(), splitter=lambda _model: prepared.parts
    )
    steps = ((-1, 1, HEAD_RATE), (-2, 1, TOP_RATE), (-3, 1, TOP_RATE / 2), (0, 2, FULL_RATE))
    with learner.no_bar(), learner.no_logging():
        for first, num_epochs, rate in steps:
            learner.freeze_to(first)
            learner.fit_one_cycle(num_epochs, slice(rate / DECAY**4, rate))
    learner.model.eval()
    with torch.no_grad():
        answers = [learner.model(batch).argmax(dim=1) for batch, _ in _loader(prepared.validation, prepared)]
    predicted: Ints = torch.cat(answers).numpy().astype(np.int64)
    return predicted


class _Loader(DataLoader[Any]):
    """A DataLoader with what Learner's DataLoaders ask of theirs."""

    def to(self, _device: torch.device) -> "_Loader":
        return self


def _loader(rows: list[dict[str, Any]], prepared: Prepared, *, shuffle: bool = False) -> _Loader:
    def collate(batch: list[dict[str, Any]]) -> tuple[dict[str, Tensor], Tensor]:
        inputs = dict(prepared.collate(batch))
        labels = inputs.pop("labels", torch.zeros(len(batch), dtype=torch.int64))
        return inputs, labels

    return _Loader(rows, batch_size=BATCH_SIZE, shuffle=shuffle, collate_fn=collate)  # type: ignore[arg-type]


if __name__ == "__main__":
    run(train_and_predict, libraries=["fastai", "transformers", "torch"])
