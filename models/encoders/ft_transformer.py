"""FT-Transformer: each cell of a table becomes a token, and a transformer reads the row (Gorishniy et al. 2021).

- Blocks are those of `rtdl_revisiting_models`; numbers are embedded piecewise-linearly or periodically by
  `rtdl_num_embeddings` (Gorishniy et al. 2022), categories by one table for all columns.
- A missing number has a learned vector of its own for each column: nothing is imputed, and that it was missing is seen.
- The network has the parts that `structure.py` speaks of: embeddings, a list of blocks, a norm after them. So its
  layers unfreeze, split and are stored as those of a text encoder are.

Shapes: B rows, F number columns, K category columns, T = 1 + F + K tokens ([CLS] first), D width.
"""

import itertools
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rtdl_num_embeddings import PeriodicEmbeddings, PiecewiseLinearEmbeddings
from rtdl_revisiting_models import FTTransformerBackbone
from torch import Tensor, nn

NumberEmbedding = Literal["piecewise_linear", "periodic"]
FFN_MULTIPLIER = 4 / 3
"""Hidden units of a block's feed-forward part for each of its inputs: the paper's value for ReGLU."""

FREQUENCY_SCALE = 0.1
"""Spread of the first frequencies of periodic embeddings, for numbers of deviation 1."""


@dataclass(frozen=True)
class TableShape:
    """Everything that decides which tensors the network has.

    `edges` are the ends of each number column's pieces (increasing, at least three), `num_codes` the codes of each
    category column. `hidden_size` is D, under the name that all networks here call it.
    """

    edges: tuple[tuple[float, ...], ...]
    num_codes: tuple[int, ...]
    hidden_size: int = 96
    num_blocks: int = 3
    num_heads: int = 8
    dropout: float = 0.1
    number_embedding: NumberEmbedding = "piecewise_linear"

    @property
    def num_tokens(self) -> int:
        """T, the tokens of a row."""
        return 1 + len(self.edges) + len(self.num_codes)


class FeatureTokenizer(nn.Module):
    """Cells to tokens, (B, F) and (B, K) to (B, T, D)."""

    starts: Tensor
    """(K,) where each column's codes begin in the table of categories."""
    low: Tensor
    """(F,) the first end of each column's pieces; numbers below, and above `high`, count as it."""
    high: Tensor

    def __init__(self, shape: TableShape) -> None:
        super().__init__()
        width = shape.hidden_size
        self.num_numbers = len(shape.edges)
        self.numbers = _number_embeddings(shape) if shape.edges else None
        self.missing = nn.Parameter(_uniform(self.num_numbers, width)) if shape.edges else None
        self.categories = nn.Embedding(sum(shape.num_codes), width) if shape.num_codes else None
        self.bias = nn.Parameter(_uniform(shape.num_tokens - 1, width))
        self.cls = nn.Parameter(_uniform(1, width))
        if self.categories is not None:
            nn.init.uniform_(self.categories.weight, -(width**-0.5), width**-0.5)
        starts = list(itertools.accumulate(shape.num_codes, initial=0))[:-1]
        for name, end in (("low", 0), ("high", -1)):
            self.register_buffer(name, torch.tensor([ends[end] for ends in shape.edges]), persistent=False)
        self.register_buffer("starts", torch.tensor(starts, dtype=torch.long), persistent=False)

    def forward(self, numbers: Tensor, codes: Tensor) -> Tensor:
        """Return tokens (B, T, D).

        Args:
            numbers: (B, F) float32, scaled; NaN where missing.
            codes: (B, K) int64, counted from 0 in each column.
        """
        tokens = []
        if self.numbers is not None and self.missing is not None:
            is_missing = torch.isnan(numbers)
            known = self.numbers(torch.where(is_missing, self.low, numbers.clamp(self.low, self.high)))
            tokens.append(torch.where(is_missing[..., None], self.missing, known))
        if self.categories is not None:
            tokens.append(self.categories(codes + self.starts))
        cls = self.cls.expand(codes.shape[0], 1, -1)  # len() would fix the number of rows in an exported graph
        return torch.cat([cls, torch.cat(tokens, dim=1) + self.bias], dim=1)


class Block(nn.Module):
    """One block of rtdl's backbone, for all tokens: theirs computes the last one for [CLS] alone."""

    def __init__(self, parts: nn.ModuleDict) -> None:
        super().__init__()
        self.parts = parts

    def forward(self, tokens: Tensor) -> Tensor:
        """Return tokens (B, T, D)."""
        parts = self.parts
        normed = parts["attention_normalization"](tokens) if "attention_normalization" in parts else tokens
        tokens = tokens + parts["attention_residual_dropout"](parts["attention"](normed, normed))
        changed: Tensor = parts["ffn_residual_dropout"](parts["ffn"](parts["ffn_normalization"](tokens)))
        return tokens + changed


class Hidden(NamedTuple):
    """What a network returns: tokens (B, T, D), under the name that Hugging Face's networks give them."""

    last_hidden_state: Tensor


class TableNetwork(nn.Module):
    """The FT-Transformer without its head."""

    def __init__(self, shape: TableShape) -> None:
        super().__init__()
        self.config = shape
        self.embeddings = FeatureTokenizer(shape)
        backbone = FTTransformerBackbone(
            d_out=None,
            n_blocks=shape.num_blocks,
            d_block=shape.hidden_size,
            attention_n_heads=shape.num_heads,
            attention_dropout=shape.dropout,
            ffn_d_hidden_multiplier=FFN_MULTIPLIER,
            ffn_dropout=shape.dropout,
            residual_dropout=0.0,
        )
        self.blocks = nn.ModuleList(Block(parts) for parts in backbone.blocks)
        self.norm = nn.LayerNorm(shape.hidden_size)

    def forward(self, numbers: Tensor, codes: Tensor, attention_mask: Tensor | None = None) -> Hidden:  # noqa: ARG002
        """Return tokens (B, T, D); none is padding, so the mask says nothing."""
        hidden = self.embeddings(numbers, codes)
        for block in self.blocks:
            hidden = block(hidden)
        return Hidden(self.norm(hidden))


def build_network(shape: TableShape, *, seed: int) -> TableNetwork:
    """Return a network whose weights depend on `seed` alone, in eval mode and without gradients."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = TableNetwork(shape)
    return network.eval().requires_grad_(requires_grad=False)


def table_probe(shape: TableShape) -> dict[str, Tensor]:
    """Return a batch of two rows, one of which misses its numbers."""
    numbers = torch.linspace(-1, 1, 2 * len(shape.edges)).reshape(2, -1)
    numbers[1] = torch.nan
    return {
        "numbers": numbers,
        "codes": torch.zeros(2, len(shape.num_codes), dtype=torch.long),
        "attention_mask": torch.ones(2, shape.num_tokens, dtype=torch.long),
    }


def piece_edges(values: NDArray[np.float32], num_pieces: int) -> tuple[float, ...]:
    """Return the ends of at most `num_pieces` pieces that hold equally many of the values (N,), without NaN.

    There are two at least, also for a column of a single value, or of none.
    """
    if not len(values):
        return (-1.0, 0.0, 1.0)
    ends = np.unique(np.quantile(values, np.linspace(0, 1, num_pieces + 1)).astype(np.float32)).tolist()
    if len(ends) < 3:
        ends = [ends[0] - 1, *ends, *([ends[0] + 1] if len(ends) == 1 else [])]
    return tuple(ends)


def _number_embeddings(shape: TableShape) -> nn.Module:
    embeddings: nn.Module
    if shape.number_embedding == "periodic":
        embeddings = PeriodicEmbeddings(
            len(shape.edges), shape.hidden_size, frequency_init_scale=FREQUENCY_SCALE, lite=False
        )
    else:
        bins = [torch.tensor(ends, dtype=torch.float32) for ends in shape.edges]
        embeddings = PiecewiseLinearEmbeddings(bins, shape.hidden_size, activation=False, version="B")
    return embeddings


def _uniform(rows: int, width: int) -> Tensor:
    return torch.empty(rows, width).uniform_(-(width**-0.5), width**-0.5)
