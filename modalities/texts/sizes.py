"""How many tokens a new workspace's texts ask for, and what the encoder asks for that a person has named."""

import math
from pathlib import Path

import numpy as np
import pandas as pd

from modalities import AUTO, Sizes
from modalities.texts.cleaning import CONTENT, PIECE, prepare
from models.encoders.catalogue import MPNET
from thawline.params import Params

SEEN_SHARE = 0.9
"""Of the texts, how many are to be seen whole where that is affordable."""
TOKENS_PER_PIECE = 1.2
"""Of English words and marks: 1.18 in mails with their addresses, 1.19 in reviews, 1.27 in short requests."""
NUM_MEASURED = 1000
MIN_TOKENS, ENOUGH_TOKENS, MAX_TOKENS = 64, 128, 512
"""Of a text that many rows are of, no more than are enough; the default encoder has no more positions than the last."""
MAX_TOKENS_READ = 1_000_000
"""Whose frozen pass is a matter of minutes without a GPU: 1,000 mails cut at 512 tokens are a third of them."""


def sizes(frame: pd.DataFrame, params: Params) -> list[Sizes]:
    """Return how many tokens nine texts of ten need, 64 to 128, to 512 where that is affordable; told from a sample.

    And that the default encoder is a small one, or what the files of a person's own ask for.
    """
    sample = frame.sample(min(len(frame), NUM_MEASURED), random_state=params.seed)
    texts = prepare(sample, params)[0][CONTENT].dropna()
    tokens = np.array([len(PIECE.findall(text)) * TOKENS_PER_PIECE + 2 for text in texts] or [0.0])
    most = np.quantile(tokens, SEEN_SHARE)
    needed = math.ceil(most / 32) * 32
    steps = range(ENOUGH_TOKENS, MAX_TOKENS + 1, 32)
    affordable = [step for step in steps if len(frame) * np.minimum(tokens, step).mean() <= MAX_TOKENS_READ]
    chosen = max(MIN_TOKENS, min(needed, max(affordable, default=ENOUGH_TOKENS)))
    seen = f"nine texts of ten have at most some {most:.0f} tokens"
    cut = "" if needed <= chosen else ", so many are cut: more tokens cost time in proportion"
    return [
        Sizes({"max_tokens": chosen}, f"model.max_tokens is {chosen}: {seen}{cut}"),
        Sizes(
            {"encoder": AUTO},
            f"model.encoder is MiniLM, small and quick: `thawline encoders get {MPNET.name}`, then `thawline compare "
            f"--encoder {MPNET.name}` says whether a larger one is worth its seconds",
        ),
        *(_asked_by_encoder(params.model.encoder) if "encoder" in params.model.model_fields_set else ()),
    ]


def _asked_by_encoder(name: str) -> list[Sizes]:
    """Return what the files of an encoder ask for that is on this machine; a relative path is one from here."""
    from models.encoders.suggested import suggest  # takes seconds

    return [
        Sizes({param: value}, f"model.{param} is {value!r}: {why}")
        for param, (value, why) in suggest(name, root=Path.cwd()).items()
    ]
