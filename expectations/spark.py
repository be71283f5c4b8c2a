"""Small answers from a Spark frame: counts that an expectation judges as it judges those of a pandas frame.

Nothing here brings a whole column into this process; what comes back has a line a class, a slice or a column.
"""

from collections.abc import Sequence
from typing import Any

import pandas as pd


def value_counts(frame: Any, column: str) -> pd.Series:
    """Count the rows of each value, the most frequent first; missing ones are not counted."""
    name = quoted(column)
    rows = frame.where(f"{name} IS NOT NULL").groupBy(frame[name].alias("value")).count().collect()
    counts = sorted(((row["value"], int(row["count"])) for row in rows), key=lambda item: (-item[1], str(item[0])))
    return pd.Series([count for _, count in counts], index=[value for value, _ in counts], dtype="int64")


def cross_table(frame: Any, rows: str, columns: str) -> pd.DataFrame:
    """Count the rows of each pair of values, one column's down, the other's across; missing ones are not counted."""
    names = [quoted(rows), quoted(columns)]
    known = frame.where(" AND ".join(f"{name} IS NOT NULL" for name in names))
    found = known.groupBy(frame[names[0]].alias("row"), frame[names[1]].alias("column")).count().collect()
    table = pd.DataFrame(
        [(row["row"], row["column"], int(row["count"])) for row in found], columns=["row", "column", "n"]
    )
    return table.pivot_table(index="row", columns="column", values="n", fill_value=0, aggfunc="sum")


def aggregate(frame: Any, expressions: Sequence[str]) -> list[Any]:
    """Return the values of SQL aggregates over all rows, in one pass."""
    return list(frame.selectExpr(*(f"{text} AS v{place}" for place, text in enumerate(expressions))).first() or [])


def expressions(groups: Any, texts: Sequence[str]) -> Any:
    """Return the SQL aggregates of each group as a Spark frame with the columns v0, v1, ..."""
    from pyspark.sql import functions

    return groups.agg(*(functions.expr(text).alias(f"v{place}") for place, text in enumerate(texts)))


def sample(frame: Any, columns: Sequence[str], num_rows: int) -> pd.DataFrame:
    """Return about `num_rows` rows, drawn by chance with a fixed seed, as a pandas frame."""
    total = frame.count()
    chosen = frame.select(*(quoted(name) for name in columns))
    part = chosen if total <= num_rows else chosen.sample(fraction=num_rows / total, seed=0)
    rows = part.collect()
    types = {name: "float64" if kind == "double" else "str" for name, kind in frame.dtypes if name in columns}
    types |= {name: "datetime64[us]" for name, kind in frame.dtypes if name in columns and kind == "timestamp"}
    return pd.DataFrame.from_records(rows, columns=list(columns)).astype(types)


def literal(value: object) -> str:
    """Return a text as SQL writes it."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def quoted(name: str) -> str:
    """Return a column's name as SQL writes it."""
    return f"`{name.replace('`', '``')}`"
