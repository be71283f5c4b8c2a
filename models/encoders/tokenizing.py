"""Texts to token ids, as an encoder's tokenizer has them."""

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from models.encoders.loading import Encoder
from models.encoders.structure import count_positions
from models.inputs.rows import TokenRows
from thawline.errors import ParamsError


def tokenize(
    encoder: Encoder, texts: Sequence[str], *, max_tokens: int, row_ids: Sequence[str] | None = None
) -> TokenRows:
    """Tokenize texts for `encoder`, cut to `max_tokens`, unpadded.

    Args:
        encoder: Gives the tokenizer and the number of positions.
        texts: N texts; a text may be empty.
        max_tokens: Longer texts are cut here, special tokens included.
        row_ids: Names of the rows; their numbers if absent.

    Raises:
        ParamsError: The encoder has fewer positions than `max_tokens`.
    """
    limit = count_positions(encoder.network)
    if limit is not None and max_tokens > limit:
        raise ParamsError(
            f"model.max_tokens ({max_tokens}) is more than the {limit} positions of encoder '{encoder.name}'; "
            f"set it to {limit} or less"
        )
    return tokenize_with(encoder.processor, texts, max_tokens=max_tokens, row_ids=row_ids)


def tokenize_with(
    tokenizer: Any, texts: Sequence[str], *, max_tokens: int, row_ids: Sequence[str] | None = None
) -> TokenRows:
    """Tokenize texts with a tokenizer alone, as a saved classifier comes with one; otherwise like `tokenize`.

    Args:
        tokenizer: A transformers tokenizer.
        texts: N texts; a text may be empty.
        max_tokens: Longer texts are cut here, special tokens included.
        row_ids: Names of the rows; their numbers if absent.
    """
    if row_ids is not None and len(row_ids) != len(texts):
        raise ValueError(f"{len(row_ids)} row ids for {len(texts)} texts")
    pad_token_id = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    filler = [tokenizer.unk_token_id if tokenizer.unk_token_id is not None else pad_token_id]
    encoded = _token_ids(tokenizer, texts, max_tokens) if len(texts) else []
    token_lists = [tokens or filler for tokens in encoded]  # a row without any token has no mean
    lengths = np.fromiter((len(tokens) for tokens in token_lists), dtype=np.int64, count=len(token_lists))
    return TokenRows(
        token_ids=np.fromiter(itertools.chain.from_iterable(token_lists), dtype=np.int32, count=int(lengths.sum())),
        offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        row_ids=tuple(row_ids) if row_ids is not None else tuple(str(i) for i in range(len(token_lists))),
        max_tokens=max_tokens,
        pad_token_id=pad_token_id,
    )


def _token_ids(tokenizer: Any, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Return the token ids of texts without padding, which a tokenizer's own files may ask for."""
    encoded = tokenizer(list(texts), truncation=True, max_length=max_tokens, padding=False, return_attention_mask=False)
    ids: list[list[int]] = encoded["input_ids"]
    return ids
