"""Changes to the tokens of a text."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from models.hardware.randomness import Seed
from models.inputs.rows import Indices, TokenRows

Tokens = NDArray[np.int32]


@dataclass(frozen=True)
class TokenChange:
    """Leaves tokens out, swaps neighbours, and takes the text in lower case.

    Attributes:
        dropout: Probability that a token is left out; one always stays (Iyyer et al. 2015 drop words so).
        swap: Probability that a token changes places with the next one.
        lower_case: Probability that the text is taken in lower case.
        special_ids: Tokens that stay where they are, such as those at both ends.
        lowered: The same texts in lower case; needed where `lower_case` is not 0.
    """

    dropout: float = 0.0
    swap: float = 0.0
    lower_case: float = 0.0
    special_ids: frozenset[int] = frozenset()
    lowered: TokenRows | None = field(default=None, repr=False)
    takes_cells: bool = field(default=False, init=False, repr=False)

    def __call__(
        self,
        rows: TokenRows,
        indices: Indices,
        *,
        donors: Indices,  # noqa: ARG002 - of the protocol
        seeds: Sequence[Seed | None],
    ) -> TokenRows:
        """Return the changed texts; see `models.inputs.augmentation.Change`. `donors` have no part in it."""
        tokens = [
            rows.tokens(i) if seed is None else self._changed(rows, i, np.random.default_rng(seed))
            for i, seed in zip(indices.tolist(), seeds, strict=True)
        ]
        return rows.replaced(tokens, [rows.row_ids[i] for i in indices.tolist()])

    def _changed(self, rows: TokenRows, row: int, rng: np.random.Generator) -> Tokens:
        is_lowered = rng.random() < self.lower_case
        tokens = (self.lowered if is_lowered and self.lowered is not None else rows).tokens(row).copy()
        places = np.flatnonzero(~np.isin(tokens, list(self.special_ids)))
        for place in np.flatnonzero(rng.random(max(len(places) - 1, 0)) < self.swap):
            first, second = places[place], places[place + 1]
            tokens[first], tokens[second] = tokens[second], tokens[first]
        dropped = rng.random(len(places)) < self.dropout
        if len(places) and dropped.all():
            dropped[rng.integers(len(places))] = False
        return np.delete(tokens, places[dropped])
