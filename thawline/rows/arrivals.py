"""What is known of an arrival, and whether what arrived is to be trained on. Pure: nothing here reads or writes.

A content that arrived has one record, named by its hash: `taking` or `refusing` says what has been decided and may be
half done, `accepted` or `refused` that it is done. Killed at any moment, the next arrival flow reads the record and
does the rest; see `tasks/arriving/take.py` for the order.
"""

import re
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from thawline.params.automation import Arrive

UNFINISHED_SUFFIXES = (".tmp", ".part", ".partial", ".filepart", ".crdownload")
MAX_STEM = 80
DRIFT_CHECKS = ("expect_stable_", "expect_relevant_rows")


class Arrival(BaseModel):
    """What became of one content.

    `sha256` is that of the file as it arrived, `kept_as` its name in data/raw (accepted) or data/quarantine (refused).
    `rows` counts its rows, `bad_rows` those of them that went to quarantine by themselves. `repeated` counts how often
    the same content came again, `released` when and by whom it was taken out of quarantine to be judged once more.
    Times are UTC in ISO 8601.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    sha256: str
    state: Literal["taking", "refusing", "accepted", "refused"]
    kept_as: str
    arrived: str
    rows: int = 0
    bad_rows: int = 0
    bad_rows_as: str = ""
    drifted: bool = False
    reason: str = ""
    repeated: int = 0
    released: str = ""

    @property
    def accepted_rows(self) -> int:
        """Rows that went into the data."""
        return self.rows - self.bad_rows


class Due(BaseModel):
    """Whether to train now, why, in words, and the files that are new."""

    model_config = ConfigDict(frozen=True)

    train: bool
    reason: str
    new_rows: int
    files: tuple[str, ...] = ()


def is_candidate(name: str) -> bool:
    """Say whether a name in data/incoming is one to take: not hidden, and not of a file still being written."""
    return not name.startswith(".") and not name.lower().endswith(UNFINISHED_SUFFIXES)


def name_with_hash(name: str, sha256: str, *, digits: int = 8) -> str:
    """Return a harmless name for a file: its own with the beginning of its hash, nothing in it but visible characters.

    Args:
        name: As it arrived; only its last part counts.
        sha256: Of its content.
        digits: How much of that the name gets.
    """
    stem, dot, extensions = name.rpartition("/")[2].partition(".")
    stem = re.sub(r"[^\w \-+@()]", "_", stem)[:MAX_STEM].strip() or "file"
    extensions = re.sub(r"[^\w.]", "_", extensions)[-MAX_STEM // 2 :]
    return f"{stem}-{sha256[:digits]}{dot}{extensions}"


def decide_training(
    new: Sequence[Arrival], *, since_last_s: float | None, settings: Arrive, unfinished: bool = False
) -> Due:
    """Decide whether to train on what was accepted since the last training.

    Args:
        new: Accepted arrivals that no finished training has seen.
        since_last_s: Seconds since the last training ended; None if there was none, or if the clock went back.
        settings: Minimum of rows, cool-down, whether a drift is a reason.
        unfinished: The last training did not end, so that its data still waits.
    """
    rows = sum(arrival.accepted_rows for arrival in new)
    drifted = sorted(arrival.name for arrival in new if arrival.drifted)
    enough = rows >= settings.min_new_rows
    alarm = settings.train_on_drift and bool(drifted)
    if not (rows or unfinished):
        return Due(train=False, reason="nothing new since the last training", new_rows=0)
    if not (enough or alarm or unfinished):
        reason = f"{rows:,} new rows, arrive.min_new_rows asks for {settings.min_new_rows:,}"
        return Due(train=False, reason=reason, new_rows=rows)
    if since_last_s is not None and since_last_s < settings.cool_down_s:
        left = settings.cool_down_s - since_last_s
        reason = f"{rows:,} new rows wait {left:.0f} s more: arrive.cool_down_s is {settings.cool_down_s:g}"
        return Due(train=False, reason=reason, new_rows=rows)
    why = f"{rows:,} new rows" if enough else f"drift in {', '.join(drifted[:3])}" if alarm else "it did not end"
    return Due(train=True, reason=why, new_rows=rows, files=tuple(arrival.name for arrival in new))
