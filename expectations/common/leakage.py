"""The test set is new to the model: train and test, told apart by the column `split`, share nothing."""

from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation, first_rows, positions
from expectations.suites import Content
from thawline.params import Params


class ExpectNothingShared(FrameExpectation):
    """No value of the column stands in train and in test."""

    column: str
    rule: ClassVar[str] = "No $column may stand both in train and in test."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the test rows whose value is in train too."""
        is_test = frame["split"] == "test"
        leaked = is_test & frame[self.column].isin(frame.loc[~is_test, self.column])
        rows = positions(leaked)
        message = (
            f"{len(rows)} of {int(is_test.sum())} test rows share their {self.column} with a training row; none may."
        )
        if len(rows):
            message += (
                " The split is not to be trusted: run `dvc repro --force split`, and check data/processed/ledger.csv."
            )
        return Finding(not len(rows), len(rows), 0, message, first_rows(rows), len(rows))


def processed(_params: Params, _content: Content) -> list[Any]:
    """Neither rows, nor near-duplicates, nor contents are shared."""
    return [ExpectNothingShared(column=column, severity="critical") for column in ("row_id", "group", "normalised")]
