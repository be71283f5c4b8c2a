"""What the test set and the folds must not know: other rows of the same owner, and what came later."""

from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation, first_rows, percent, positions
from expectations.suites import Content
from thawline.params import Params
from thawline.rows.split_columns import GROUP, MOMENT

MEND = " The split is not to be trusted: run `dvc repro --force split`, and check data/processed/ledger.csv."
LARGE_SHARE = 0.5
"""Share of the training rows from which one group makes folds of very different sizes."""


class ExpectOwnersApart(FrameExpectation):
    """No value of the group column stands in train and in test, nor in two folds."""

    column: str
    rule: ClassVar[str] = "No value of $column may stand both in train and in test, nor in two folds."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows whose owner stands on the other side, too."""
        place = frame["fold"].where(frame["split"] == "train", -2)  # a row without a value is its own group
        rows = positions(place.groupby(frame[GROUP]).transform("nunique") > 1)
        message = f"{len(rows)} rows share their {self.column} with a row of another fold or the test set; none may."
        return Finding(not len(rows), len(rows), 0, message + (MEND if len(rows) else ""), first_rows(rows), len(rows))


class ExpectNoOvergrownGroup(FrameExpectation):
    """No group holds so many training rows that folds can't be even."""

    column: str
    max_share: float
    rule: ClassVar[str] = "No group by $column and near-duplicates may hold more than $max_share of the training rows."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Say how large the largest group is, and of how many owners."""
        train = frame[frame["split"] == "train"]
        sizes = train["group"].value_counts()
        share = float(sizes.iloc[0] / len(train)) if len(train) else 0.0
        message = (
            f"The largest group holds {percent(share)} of the training rows; at most {percent(self.max_share)} may."
        )
        if share > self.max_share:
            owners = train.loc[train["group"] == sizes.index[0], GROUP].nunique()
            message += (
                f" It has {owners} values of {self.column}, joined by near-duplicates: folds are uneven. Name a column "
                "of smaller groups, or make near-duplicates rarer (split.near_duplicate_similarity and others)."
            )
        return Finding(share <= self.max_share, round(share, 6), self.max_share, message)


class ExpectFoldsForward(FrameExpectation):
    """Folds follow each other in time: what a fold is learned from are the folds before it."""

    column: str
    rule: ClassVar[str] = "No fold may begin, by $column, before one of a lower number."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows of folds that begin before the one that is learned from."""
        fold = frame["fold"].where(frame["split"] == "train")
        starts = frame.groupby(fold)[MOMENT].min()
        rows = positions(fold.map(starts < starts.cummax()).fillna(False).astype(bool))
        message = f"{len(rows)} rows are in a fold that begins before one of a lower number; none may be."
        return Finding(not len(rows), len(rows), 0, message + (MEND if len(rows) else ""), first_rows(rows), len(rows))


class ExpectTestLatest(FrameExpectation):
    """No training row is later than the first test row."""

    column: str
    rule: ClassVar[str] = "No training row may be later, by $column, than a test row."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Count the test rows that a later training row has overtaken."""
        is_test = frame["split"] == "test"
        latest = frame.loc[~is_test, MOMENT].max()
        rows = positions(is_test & (frame[MOMENT] < latest))
        message = f"{len(rows)} of {int(is_test.sum())} test rows are earlier than the latest training row ({latest})."
        if len(rows):
            message += (
                " So it is where data came in several times, as the latest share of each arrival is the test set, or "
                "where groups last long. The score on them knows some of what came later: look at the folds, which go "
                "forward, or begin a new workspace with all data."
            )
        return Finding(not len(rows), len(rows), 0, message, first_rows(rows), len(rows))


def processed(params: Params, _content: Content) -> list[Any]:
    """Groups stay together and time goes forward, where the params name them."""
    group, time = params.split.group_column, params.split.time_column
    found: list[Any] = []
    if group is not None:
        found += [
            ExpectOwnersApart(column=group, severity="critical"),
            ExpectNoOvergrownGroup(column=group, max_share=LARGE_SHARE, severity="warning"),
        ]
    if time is not None:
        found += [
            ExpectFoldsForward(column=time, severity="critical"),
            ExpectTestLatest(column=time, severity="warning"),
        ]
    return found
