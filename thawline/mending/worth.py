"""Which rows are worth a person's look, and in what order. Pure: arrays in, a table out.

Four reasons, each with a strength of 0 to 1: the label audit flags the row (by how much more probable another label
is), a model that did not see it is sure of another label, it is unsure between two, or the row has arrived lately and
lies far from all others. A row's worth is the sum of WORTH times strength over its reasons; so wrong labels, which a
look mends for good, come first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.mending.tally import FLAGGED
from thawline.rows.label_issues import find_label_issues

MISTAKE, UNSURE, ODD = "confident mistake", "model is unsure", "arrival looks odd"
WORTH = {FLAGGED: 1.0, MISTAKE: 0.5, ODD: 0.3, UNSURE: 0.2}
CAPS = {FLAGGED: 1.0, MISTAKE: 1.0, ODD: 0.2, UNSURE: 0.25}
"""Share of the rows asked about that may be there for each reason alone."""
SURE = 0.5
"""By so much must another label be more probable than the given one to count as a confident mistake."""
CLOSE = 0.2
"""So close do the two most probable labels stand where a model is unsure."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Guesses:
    """Given class numbers (N,) and probabilities (N, C) by a model that did not see the rows, and class names (C,).

    Probabilities are NaN for rows that no model has guessed.
    """

    labels: npt.NDArray[np.int64]
    probabilities: Floats
    classes: list[str]


def margins(probabilities: Floats) -> Floats:
    """Return by how much each row's most probable class (N, C) is ahead of the next, 0 to 1."""
    ordered = np.sort(probabilities, axis=1)
    ahead: Floats = ordered[:, -1] - (ordered[:, -2] if ordered.shape[1] > 1 else 0.0)
    return ahead


def rank_questions(guesses: Guesses, *, num: int, novelty: Floats | None = None) -> pd.DataFrame:
    """Return the rows most worth a look, the worthiest first, each once.

    Args:
        guesses: Of N rows.
        num: At most so many rows.
        novelty: (N,) distance to the nearest older row in usual distances (`thawline.rows.novelty`), NaN for rows that
            are not new.

    Returns:
        `row`, its number; `worth`; `reasons`, the strongest first; `given` and `suggested` label; `given_probability`
        and `probability` (of the suggested one), 0 to 1.
    """
    labels, places = guesses.labels, np.arange(len(guesses.labels))
    is_guessed = ~np.asarray(np.isnan(guesses.probabilities).any(axis=1))
    probabilities = np.where(is_guessed[:, None], guesses.probabilities, 0.0)
    strengths = _strengths(guesses, novelty)
    shares = {reason: WORTH[reason] * strength for reason, strength in strengths.items()}
    asked = np.zeros(len(labels), dtype=bool)
    for reason, strength in strengths.items():
        best = np.argsort(-strength, kind="stable")[: round(num * CAPS[reason])]
        asked[best[strength[best] > 0]] = True
    worth: Floats = np.sum(list(shares.values()), axis=0)
    rows = np.flatnonzero(asked)
    rows = rows[np.argsort(-worth[rows], kind="stable")][:num]
    suggested = np.where(is_guessed, probabilities.argmax(axis=1), labels)
    names = np.array(guesses.classes, dtype=object)
    reasons = [
        tuple(sorted((name for name in shares if shares[name][row] > 0), key=lambda name: -shares[name][row]))
        for row in rows.tolist()
    ]
    return pd.DataFrame(
        {
            "row": rows,
            "worth": worth[rows].round(4),
            "reasons": pd.Series(reasons, dtype=object),
            "given": names[labels[rows]],
            "suggested": names[suggested[rows]],
            "given_probability": guesses.probabilities[places, labels][rows].round(4),
            "probability": guesses.probabilities[places, suggested][rows].round(4),
        }
    )


def _strengths(guesses: Guesses, novelty: Floats | None) -> dict[str, Floats]:
    """Return each reason's strength (N,), 0 where it is none."""
    rows = np.flatnonzero(~np.isnan(guesses.probabilities).any(axis=1))
    labels, probabilities = guesses.labels[rows], guesses.probabilities[rows]
    given = probabilities[np.arange(len(rows)), labels]
    margin, gap = probabilities.max(axis=1) - given, margins(probabilities)
    flagged = np.zeros(len(rows), dtype=bool)
    flagged[find_label_issues(labels, probabilities, guesses.classes)["row"].to_numpy(np.int64)] = True
    far = np.zeros(len(guesses.labels)) if novelty is None else np.nan_to_num(novelty)
    strengths = {name: np.zeros(len(guesses.labels)) for name in (FLAGGED, MISTAKE, UNSURE)}
    strengths[FLAGGED][rows] = np.where(flagged, (1 + margin) / 2, 0.0)
    strengths[MISTAKE][rows] = np.where(margin >= SURE, margin, 0.0)
    strengths[UNSURE][rows] = np.where(gap < CLOSE, 1 - gap, 0.0)
    return {**strengths, ODD: np.where(far > 1, np.minimum(far - 1, 1.0), 0.0)}
