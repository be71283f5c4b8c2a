"""Every fold and the test set can measure every class, and near-duplicates stay together."""

from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation, first_rows, positions
from expectations.suites import CLASSES, Content
from thawline.params import Params
from thawline.rows.forward_folds import FIRST_BLOCK


class ExpectClassesInEveryFold(FrameExpectation):
    """Each of the folds within train holds every class."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    num_folds: int
    first_fold: int = 0
    rule: ClassVar[str] = "Each of $num_folds folds must hold every class."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the folds and the classes they lack."""
        train = frame[frame["split"] == "train"]
        counts = pd.crosstab(train["fold"], train["label"])
        classes = sorted(frame["label"].dropna().unique())
        counts = counts.reindex(index=range(self.first_fold, self.num_folds), columns=classes, fill_value=0)
        lacking = [f"fold {fold} has no {label!r}" for label in classes for fold in counts.index[counts[label] == 0]]
        least = int(counts.to_numpy().min()) if counts.size else 0
        message = f"The smallest class has at least {least} rows in each of {self.num_folds} folds; 1 is needed."
        if lacking:
            message += f" {'; '.join(lacking[:5])}. Add rows of these classes, or lower split.num_folds."
        return Finding(least > 0, least, 1, message)


class ExpectEveryClassInTest(FrameExpectation):
    """The test set holds every class."""

    targets: ClassVar[tuple[str, ...]] = CLASSES
    rule: ClassVar[str] = "The test set must hold every class."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the classes without a test row."""
        in_test = set(frame.loc[frame["split"] == "test", "label"].dropna())
        absent = sorted(set(frame["label"].dropna()) - in_test)
        message = f"{len(absent)} classes have no row in the test set; none may."
        if absent:
            named = ", ".join(repr(label) for label in absent[:10])
            message += f" Without one: {named}. Their scores will be missing: add rows, or raise split.test_share."
        return Finding(not absent, len(absent), 0, message)


class ExpectGroupsWithinFolds(FrameExpectation):
    """No group of near-duplicates straddles two folds."""

    rule: ClassVar[str] = "No group of near-duplicates may stand in two folds."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the rows of groups that straddle."""
        folds = frame["fold"].where(frame["split"] == "train").groupby(frame["group"]).transform("nunique")
        rows = positions(folds > 1)
        message = f"{len(rows)} rows have near-duplicates in another fold; none may."
        if len(rows):
            message += " The folds are not to be trusted: run `dvc repro --force split`."
        return Finding(not len(rows), len(rows), 0, message, first_rows(rows), len(rows))


def processed(params: Params, _content: Content) -> list[Any]:
    """Folds are balanced and tight, and the test set is complete."""
    first = 0 if params.split.time_column is None else FIRST_BLOCK  # by time one block is only learned from
    return [
        ExpectClassesInEveryFold(num_folds=params.split.num_folds, first_fold=first, severity="critical"),
        ExpectEveryClassInTest(severity="warning"),
        ExpectGroupsWithinFolds(severity="critical"),
    ]
