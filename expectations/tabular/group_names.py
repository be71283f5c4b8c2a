"""No column says by another name whose a row is."""

from typing import Any, ClassVar

import pandas as pd

from expectations.frame import Finding, FrameExpectation
from expectations.suites import Content
from expectations.tabular.cells import named_columns
from thawline.params import Params
from thawline.rows.columns import content_columns
from thawline.rows.split_columns import GROUP

MIN_SAME_GROUP, MIN_SAME_VALUE = 0.9, 0.5
MAX_GROUPS = 5000
"""Of more groups the first are looked at, whole."""


class ExpectNoColumnNamesGroup(FrameExpectation):
    """No column that is learned from is one to one, or nearly so, with the group column."""

    column: str
    min_same_group: float
    min_same_value: float
    rule: ClassVar[str] = "No column may be one to one with $column, which says whose a row is."

    def inspect(self, frame: pd.DataFrame) -> Finding:
        """Name the columns by which rows could be told as one owner's."""
        found = {}
        for name in content_columns(frame):
            same_group, same_value = agreement(frame[name], frame[GROUP])
            if same_group >= self.min_same_group and same_value >= self.min_same_value:
                found[name] = f"{same_group:.0%} of the pairs with one value are of one group"
        message = f"{len(found)} columns name {self.column} (split.group_column) by another name; none should."
        if found:
            message += (
                f" {named_columns(found)}. What is learned of such a column is learned of known groups, and nothing of "
                "new ones: leave it out (ingest.drop_columns)."
            )
        return Finding(not found, len(found), 0, message)


def agreement(values: pd.Series, groups: pd.Series) -> tuple[float, float]:
    """Return the share of pairs of rows with one value that are of one group, and of those of one group with one value.

    Rows without value or group do not count; 0 where there is no pair.
    """
    pairs = pd.DataFrame({"value": values.to_numpy(), "group": groups.to_numpy()}).dropna()
    pairs = pairs[pd.factorize(pairs["group"])[0] < MAX_GROUPS]

    def num_pairs(keys: list[str]) -> float:
        sizes = pairs.groupby(keys, observed=True).size().astype("float64")
        return float((sizes * (sizes - 1)).sum())

    both, of_value, of_group = (num_pairs(keys) for keys in (["value", "group"], ["value"], ["group"]))
    return (both / of_value if of_value else 0.0), (both / of_group if of_group else 0.0)


def processed(params: Params, _content: Content) -> list[Any]:
    """No column names the group, where one is named."""
    if params.split.group_column is None:
        return []
    return [
        ExpectNoColumnNamesGroup(
            column=params.split.group_column,
            min_same_group=MIN_SAME_GROUP,
            min_same_value=MIN_SAME_VALUE,
            severity="warning",
        )
    ]
