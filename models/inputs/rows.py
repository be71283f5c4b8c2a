"""Rows as a network takes them: unpadded, with a content key, padded only when a batch is made.

`Rows` is what the rest of models/ knows of data; `TokenRows` is it for texts. A row's padded length is a function of
its own length alone, and its key covers exactly what the network sees of it: so what a frozen network makes of a row
can be stored once, whichever rows surround it.
"""

import dataclasses
import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Indices = NDArray[np.int64]


class Rows(Protocol):
    """N rows of one modality, ready for a network."""

    @property
    def row_ids(self) -> Sequence[str]:
        """The caller's name of each row."""

    @property
    def lengths(self) -> Indices:
        """(N,) positions that a row takes: tokens, patches; 1 where there is no such thing."""

    @property
    def padded_lengths(self) -> Indices:
        """(N,) `lengths`, each rounded up to its bucket."""

    @property
    def keys(self) -> Sequence[bytes]:
        """16 bytes a row, equal exactly where the network sees the same."""

    def __len__(self) -> int:
        """Return N."""

    def batch(self, indices: Indices) -> dict[str, Tensor]:
        """Return the network's keyword arguments for some rows, padded to the longest bucket among them."""


@dataclass(frozen=True)
class TokenRows:
    """Token ids of N texts: row i is `token_ids[offsets[i]:offsets[i + 1]]`.

    `token_ids` is (total tokens,) int32, `offsets` (N + 1,) int64.
    """

    token_ids: NDArray[np.int32]
    offsets: Indices
    row_ids: Sequence[str]
    max_tokens: int
    pad_token_id: int

    def __len__(self) -> int:
        """Return N."""
        return len(self.row_ids)

    @functools.cached_property
    def lengths(self) -> Indices:
        """(N,) tokens of each row."""
        return np.diff(self.offsets)

    @functools.cached_property
    def padded_lengths(self) -> Indices:
        """(N,) `lengths` rounded up to their bucket, at most `max_tokens`."""
        return np.minimum(bucket_lengths(self.lengths), self.max_tokens)

    @functools.cached_property
    def keys(self) -> list[bytes]:
        """16 bytes a row: hash of its token ids and padded length."""
        padded = self.padded_lengths.astype(np.int32)
        return [
            hashlib.blake2b(
                padded[i].tobytes() + self.token_ids[self.offsets[i] : self.offsets[i + 1]].tobytes(), digest_size=16
            ).digest()
            for i in range(len(self))
        ]

    def tokens(self, row: int) -> NDArray[np.int32]:
        """Return the token ids of one row."""
        return self.token_ids[self.offsets[row] : self.offsets[row + 1]]

    def replaced(self, tokens: Sequence[NDArray[np.int32]], row_ids: Sequence[str]) -> "TokenRows":
        """Return rows of the same kind with other tokens."""
        lengths = np.fromiter((len(part) for part in tokens), dtype=np.int64, count=len(tokens))
        return dataclasses.replace(
            self,
            token_ids=np.concatenate([*tokens, np.empty(0, dtype=np.int32)]),
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            row_ids=tuple(row_ids),
        )

    def batch(self, indices: Indices) -> dict[str, Tensor]:
        """Return `input_ids` and `attention_mask`, both (B, T) int64, T the longest bucket among the rows."""
        shape = (len(indices), int(self.padded_lengths[indices].max()))
        ids = np.full(shape, self.pad_token_id, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for place, i in enumerate(indices):
            tokens = self.token_ids[self.offsets[i] : self.offsets[i + 1]]
            ids[place, : len(tokens)] = tokens
            mask[place, : len(tokens)] = 1
        return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask)}


def bucket_lengths(lengths: Indices) -> Indices:
    """Round lengths up so that at most an eighth of a row, or seven positions, is padding."""
    power = np.exp2(np.ceil(np.log2(np.maximum(lengths, 1)))).astype(np.int64)
    step = np.maximum(power // 16, 8)
    return -(-lengths // step) * step


def draw_in_order(rows: Indices, most: int, rng: np.random.Generator) -> Indices:
    """Draw so many of some rows at most; return them in order."""
    return np.sort(rng.permutation(rows)[:most])
