"""Corrections: what people have said about labels, kept beside the raw files, which stay as they arrived.

- One file a person's answers, in data/raw, tracked by DVC as every accepted file is: whatever makes a version of the
  data again makes it with its corrections. A file never changes; taking one away takes its answers back.
- An answer is about a content, by its row id, and holds for every row of that content, whenever it arrives.
- Of one person's answers about a row the last one counts. Where two people answer otherwise, the row is contested and
  stays as it arrived until they agree, so that it does not matter whose answers came first.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict

from thawline.rows.columns import ARRIVED

PREFIX, SUFFIX = "corrections.", ".json"
"""How such a file is named; an accepted file has its hash before the first dot, so that none is named like this."""


class Answer(BaseModel):
    """What a person said about one content.

    `row_ids` are those of rows whose content differs at most in trifles, this one's first. `given` is the label that
    was shown, `label` the right one by the answer (the given one if it was kept, '' with `drop` and `unsure`).
    `reasons` say why it was asked, `part` whether the row is of train or of test.
    """

    model_config = ConfigDict(frozen=True)

    row_ids: tuple[str, ...]
    source: str
    source_row: int
    part: str
    given: str
    answer: Literal["label", "drop", "unsure"]
    label: str = ""
    comment: str = ""
    reasons: tuple[str, ...] = ()

    @property
    def says(self) -> str:
        """What it comes to: 'drop', or the label in quotes."""
        return "drop" if self.answer == "drop" else repr(self.label)


class Correction(BaseModel):
    """One person's answers, handed over at once; `created` is UTC in ISO 8601, `review` what they were asked in."""

    model_config = ConfigDict(frozen=True)

    created: str
    by: str
    review: str
    answers: tuple[Answer, ...]

    @property
    def id(self) -> str:
        """Name of this change: a hash of all that it says."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:8]

    @property
    def file_name(self) -> str:
        """Name of its file; such names sort by date."""
        stamp = "".join(filter(str.isalnum, self.created.partition("+")[0]))
        return f"{PREFIX}{stamp}-{self.id}{SUFFIX}"


@dataclass(frozen=True)
class Settled:
    """What all answers come to, by row id: an answer that stands and who gave it, or answers that contradict."""

    standing: dict[str, tuple[Answer, tuple[str, ...]]] = field(default_factory=dict)
    contested: dict[str, dict[str, Answer]] = field(default_factory=dict)


def is_correction(name: str) -> bool:
    """Say whether a file of data/raw holds corrections, by its name."""
    return name.startswith(PREFIX) and name.endswith(SUFFIX)


def opinions(corrections: Sequence[Correction]) -> dict[tuple[str, str], Answer]:
    """Return each person's last answer about each row id."""
    ordered = sorted(corrections, key=lambda one: (one.created, one.id))
    return {(each.by, row_id): answer for each in ordered for answer in each.answers for row_id in answer.row_ids}


def settle(corrections: Sequence[Correction]) -> Settled:
    """Return what the answers of all people come to; who is unsure has no say, and takes back what he said before."""
    by_row: dict[str, dict[str, Answer]] = {}
    for (person, row_id), answer in opinions(corrections).items():
        if answer.answer != "unsure":
            by_row.setdefault(row_id, {})[person] = answer
    settled = Settled()
    for row_id, said in by_row.items():
        if len({answer.says for answer in said.values()}) == 1:
            settled.standing[row_id] = (next(iter(said.values())), tuple(sorted(said)))
        else:
            settled.contested[row_id] = said
    return settled


def apply_corrections(frame: pd.DataFrame, settled: Settled) -> pd.DataFrame:
    """Return rows as people say that they are.

    Args:
        frame: Columns `row_id` and `label`.
        settled: Answers that stand.

    Returns:
        The rows without those to be dropped, numbered anew; where a label has changed, with the column ARRIVED, the
        labels as they arrived. Where nothing changes, `frame` itself.
    """
    labels = {row_id: answer.label for row_id, (answer, _) in settled.standing.items() if answer.answer == "label"}
    dropped = [row_id for row_id, (answer, _) in settled.standing.items() if answer.answer == "drop"]
    said = frame["row_id"].map(labels) if labels else pd.Series(None, index=frame.index, dtype=object)
    changed = (said.notna() & (said != frame["label"])).to_numpy(bool)
    gone = frame["row_id"].isin(dropped).to_numpy(bool)
    if changed.any():
        mended = frame["label"].mask(changed, said).astype("str")
        frame = frame.assign(label=mended, **{ARRIVED: frame["label"]})
    return frame[~gone].reset_index(drop=True) if gone.any() else frame
