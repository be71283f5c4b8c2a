"""A text without each of its words."""

import re

import numpy as np
import pandas as pd

from modalities import Occlusions
from modalities.texts.cleaning import CONTENT, WORD

MAX_PARTS = 128
"""A longer text is told by runs of words, all as long as one another."""


def occlude(row: pd.DataFrame, _others: pd.DataFrame) -> Occlusions:
    """Return the text without each word in turn, what stands between words left as it is.

    Of a text without words (signs, pictographs) whatever stands between spaces is a part.
    """
    text = str(row[CONTENT].iloc[0])
    found = list(WORD.finditer(text)) or list(re.finditer(r"\S+", text))
    runs = np.array_split(np.arange(len(found)), min(len(found), MAX_PARTS))
    spans = [(found[run[0]].start(), found[run[-1]].end()) for run in runs]
    without = pd.Series([text[:begin] + text[end:] for begin, end in spans], dtype=row[CONTENT].dtype)
    rows = pd.concat([row] * len(spans), ignore_index=True).assign(**{CONTENT: without})
    return Occlusions([" ".join(text[begin:end].split()) for begin, end in spans], rows, np.arange(len(spans)))
