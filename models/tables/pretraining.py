"""Self-supervised pretraining of a table's encoder on rows without their labels.

Two tasks at once, on a view of each row in which a share of the cells comes from other rows' columns:

- reconstruction: each replaced cell's token tells the cell's true value (Rubachev et al. 2022, section 3.2);
- contrast: the row's vector is nearer to that of its own view than to those of the others (SCARF, Bahri et al. 2022).

Everything random is seeded by (seed, epoch), so the same rows and settings give the same weights on a machine.

Shapes: B rows, F number columns, K category columns, T = 1 + F + K tokens, D width.
"""

import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from models.encoders.ft_transformer import TableNetwork
from models.hardware.devices import autocast
from models.hardware.randomness import seeded
from models.inputs.batches import training_batches
from models.inputs.rows import Indices
from models.inputs.table_rows import TableRows
from models.training.lr_schedules import learning_rate_factor

TEMPERATURE = 0.2
PROJECTION = 64
WEIGHT_DECAY = 1e-5
CPU = torch.device("cpu")


@dataclass(frozen=True)
class PretrainSettings:
    """How to pretrain; the fields mean what they mean in the params section `pretrain`."""

    num_epochs: int = 5
    corrupted_share: float = 0.3
    learning_rate: float = 1e-3
    batch_size: int = 256
    max_rows: int = 100_000
    seed: int = 0


@dataclass(frozen=True)
class PretrainedEpoch:
    """Mean losses (nats; for numbers half the squared error) of one pass over the rows."""

    epoch: int
    reconstruction: float
    contrast: float
    seconds: float


class _Answers(nn.Module):
    """What the two tasks need above the encoder, thrown away afterwards."""

    def __init__(self, network: TableNetwork) -> None:
        super().__init__()
        shape = network.config
        width = shape.hidden_size
        self.num_numbers = len(shape.edges)
        self.num_codes = shape.num_codes
        self.numbers = nn.Parameter(torch.zeros(self.num_numbers, width))
        self.codes = nn.Linear(width, max(sum(shape.num_codes), 1))
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, PROJECTION))

    def reconstruction(self, hidden: Tensor, true: dict[str, Tensor], seen: dict[str, Tensor]) -> Tensor:
        """Return the mean loss over the cells in which `seen` differs from `true` and something is known."""
        cells = hidden[:, 1:]
        losses = []
        if self.num_numbers:
            values = (cells[:, : self.num_numbers] * self.numbers).sum(dim=2)
            same = (true["numbers"] == seen["numbers"]) | torch.isnan(true["numbers"])
            errors = functional.smooth_l1_loss(values, torch.nan_to_num(true["numbers"]), reduction="none")
            losses.append(torch.where(same, 0.0, errors).sum())
            count = (~same).sum()
        else:
            count = torch.zeros((), dtype=torch.long, device=hidden.device)
        starts = itertools.accumulate(self.num_codes, initial=0)
        for column, (start, num_codes) in enumerate(zip(starts, self.num_codes, strict=False)):
            wrong = true["codes"][:, column] != seen["codes"][:, column]
            tokens = cells[wrong, self.num_numbers + column]
            weight, bias = (part[start : start + num_codes] for part in (self.codes.weight, self.codes.bias))
            logits = functional.linear(tokens, weight, bias)
            losses.append(functional.cross_entropy(logits, true["codes"][wrong, column], reduction="sum"))
            count = count + wrong.sum()
        return torch.stack(losses).sum() / count.clamp(min=1)

    def contrast(self, clean: Tensor, view: Tensor) -> Tensor:
        """Return the loss of telling which view is of which row, by their [CLS] states."""
        first, second = (functional.normalize(self.projection(hidden[:, 0]), dim=1) for hidden in (clean, view))
        return functional.cross_entropy(first @ second.T / TEMPERATURE, torch.arange(len(first), device=first.device))


def pretrain(
    network: TableNetwork, rows: TableRows, settings: PretrainSettings, device: torch.device = CPU
) -> Iterator[PretrainedEpoch]:
    """Pretrain `network` in place; it is on the CPU, in eval mode, without gradients once the iterator has ended.

    Args:
        network: Any weights.
        rows: The rows that may be learned from; of more than `max_rows`, a sample.
        settings: How.
        device: Where to compute.

    Returns:
        One record per epoch, as it ends.
    """
    rng = np.random.default_rng((settings.seed, 0))
    chosen = np.arange(len(rows))
    if len(rows) > settings.max_rows:
        chosen = np.sort(rng.choice(len(rows), settings.max_rows, replace=False))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        answers = _Answers(network)
    answers.to(device)
    network.to(device).requires_grad_(requires_grad=True)
    optimizer = _optimizer(network, answers, settings)
    for epoch in range(settings.num_epochs):
        network.train()
        with seeded(device, (settings.seed, 1, epoch)):
            record = _run_epoch(network, answers, (rows, chosen), optimizer, settings, epoch)
        yield record
    network.to(CPU).eval().requires_grad_(requires_grad=False)


def _run_epoch(
    network: TableNetwork,
    answers: _Answers,
    part: tuple[TableRows, Indices],
    optimizer: torch.optim.Optimizer,
    settings: PretrainSettings,
    epoch: int,
) -> PretrainedEpoch:
    started = time.perf_counter()
    rows, chosen = part
    seed = (settings.seed, 1, epoch)
    device = answers.numbers.device
    rng = np.random.default_rng(seed)
    batches = training_batches(rows.lengths, chosen, batch_size=settings.batch_size, seed=seed)
    sums = np.zeros(2)
    for number, indices in enumerate(batches):
        step = epoch * len(batches) + number
        factor = learning_rate_factor("cosine", step, num_steps=settings.num_epochs * len(batches), warmup_share=0.1)
        for group in optimizer.param_groups:
            group["lr"] = settings.learning_rate * factor
        true = rows.batch(indices)
        seen = rows.corrupted_batch(indices, donors=chosen, share=settings.corrupted_share, rng=rng)
        true, seen = ({key: cells.to(device) for key, cells in each.items()} for each in (true, seen))
        both = {key: torch.cat([true[key], seen[key]]) for key in true}
        with autocast(device):
            clean, view = network(**both).last_hidden_state.float().chunk(2)
        losses = torch.stack([answers.reconstruction(view, true, seen), answers.contrast(clean, view)])
        optimizer.zero_grad()
        losses.sum().backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_([*network.parameters(), *answers.parameters()], 1.0)
        optimizer.step()
        sums += losses.detach().cpu().numpy()
    reconstruction, contrast = sums / max(len(batches), 1)
    return PretrainedEpoch(epoch + 1, float(reconstruction), float(contrast), time.perf_counter() - started)


def _optimizer(network: TableNetwork, answers: _Answers, settings: PretrainSettings) -> torch.optim.Optimizer:
    """Return AdamW without decay on embeddings, norms and biases, as the paper's authors have it."""
    embedded = set(network.embeddings.parameters())
    everything = [*network.parameters(), *answers.parameters()]
    decayed = [parameter for parameter in everything if parameter.ndim > 1 and parameter not in embedded]
    spared = [parameter for parameter in everything if parameter.ndim <= 1 or parameter in embedded]
    groups = [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": spared, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
