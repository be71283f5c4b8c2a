"""Stock expectations that ours are made of decide as Great Expectations' own definitions of them say.

The cases are those of its `tests/test_definitions` for pandas and Spark, with data of our own. They differ in this:

- What a definition lets break on the data is refused when the expectation is made (REFUSED).
- Moments are given as such: `parse_strings_as_datetimes` is no argument any more.
- "Timestamp" is the name of moments of a zone; the other name is of pandas before 0.24.
- With pandas 3 texts are `str`, so that the three names of objects are tried on a column of that type.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("great_expectations")

import great_expectations as gx

from expectations.common.labels import ExpectKnownLabels, ExpectSeveralClasses
from expectations.common.missing import ExpectFewMissing
from expectations.common.schema import ExpectColumnOfType
from expectations.common.size import ExpectEnoughRows
from expectations.report import Check
from expectations.validation import validate, validate_spark
from modalities.tables.spark import spark_session

# conditions as text, which the definitions have, go with Great Expectations 2.0
pytestmark = pytest.mark.filterwarnings("ignore:.*deprecated as of GX Core 1.9:DeprecationWarning")

BOTH, PANDAS, SPARK = ("pandas", "spark"), ("pandas",), ("spark",)


@dataclass(frozen=True)
class Case:
    """A rule on a column, and how Great Expectations' definition says it comes out.

    `value` is what is observed, where the definition says it; `rows` are the ones that break the rule, by pandas.
    """

    kind: type
    cells: list[Any]
    arguments: dict[str, Any]
    passed: bool
    value: Any = None
    rows: list[int] | None = None
    engines: tuple[str, ...] = BOTH
    dtype: str | None = None
    spark_type: str = "string"
    column: dict[str, str] = field(default_factory=lambda: {"column": "cell"})


NONE, ONE, TWO, THREE, ALL = (["p", "q", "r", "s"], [3, 8, None, 9], [None, None, 8, 9], [None] * 3 + [8], [None] * 4)
MISSING = {
    "nothing is missing": Case(ExpectFewMissing, NONE, {}, True, 0.0, []),
    "everything is missing": Case(ExpectFewMissing, ALL, {}, False, 1.0, [0, 1, 2, 3]),
    "few enough are missing": Case(ExpectFewMissing, ONE, {"mostly": 0.7}, True, 0.25, [], spark_type="int"),
    "one is missing": Case(ExpectFewMissing, ONE, {}, False, 0.25, [2], spark_type="int"),
    "more are missing than may": Case(ExpectFewMissing, ONE, {"mostly": 0.8}, False, 0.25, [2], spark_type="int"),
    "some might be missing and none is": Case(ExpectFewMissing, NONE, {"mostly": 0.9}, True, 0.0, []),
    "most are missing": Case(ExpectFewMissing, THREE, {}, False, 0.75, [0, 1, 2], spark_type="int"),
    "half are missing": Case(ExpectFewMissing, TWO, {"mostly": 0.5}, True, 0.5, [], spark_type="int"),
}
COUNTS, SHARES, FISH = [7, 9, 12], [0.5, 1.25, 7.75], ["carp", "trout", "perch"]
DAYS = ["2021-05-01", "2021-05-02", "2021-05-02 07:15:00"]
SETS = {
    "numbers in the set": Case(ExpectKnownLabels, COUNTS, {"value_set": [7, 9, 12]}, True, 0, [], spark_type="int"),
    "a number outside": Case(ExpectKnownLabels, COUNTS, {"value_set": [9, 12]}, False, 1, [0], spark_type="int"),
    "an empty set": Case(ExpectKnownLabels, COUNTS, {"value_set": []}, False, 3, [0, 1, 2], spark_type="int"),
    "texts in the set": Case(ExpectKnownLabels, FISH, {"value_set": ["carp", "trout", "perch"]}, True, 0, []),
    "a text outside": Case(ExpectKnownLabels, FISH, {"value_set": ["carp", "trout"]}, False, 1, [2]),
    "no number inside": Case(ExpectKnownLabels, COUNTS, {"value_set": [8]}, False, 3, [0, 1, 2], spark_type="int"),
    "fractions in the set": Case(
        ExpectKnownLabels, SHARES, {"value_set": [0.5, 1.25, 7.75]}, True, 0, [], spark_type="double"
    ),
    "fractions beside the set": Case(
        ExpectKnownLabels, SHARES, {"value_set": [0.51, 1.2, 7.7]}, False, 3, [0, 1, 2], spark_type="double"
    ),
    "a condition that no row meets": Case(
        ExpectKnownLabels,
        FISH,
        {"value_set": ["carp"], "row_condition": "source_row == 8", "condition_parser": "pandas"},
        True, 0, [], PANDAS,
    ),
    "a condition that a wrong row meets": Case(
        ExpectKnownLabels,
        FISH,
        {"value_set": ["trout"], "row_condition": "source_row == 0", "condition_parser": "pandas"},
        False, 1, [0], PANDAS,
    ),
    "an empty column": Case(ExpectKnownLabels, [], {"value_set": ["cat", "dog"]}, True, 0, []),
    "moments in the set": Case(
        ExpectKnownLabels, DAYS, {"value_set": [pd.Timestamp(day) for day in DAYS]}, True, 0, [], PANDAS,
        "datetime64[us]",
    ),
    "a moment outside": Case(
        ExpectKnownLabels, DAYS, {"value_set": [pd.Timestamp(day) for day in DAYS[1:]]}, False, 1, [0], PANDAS,
        "datetime64[us]",
    ),
}  # fmt: skip
TYPES = {
    "integers": Case(ExpectColumnOfType, COUNTS, {"type_": "int"}, True, engines=PANDAS, dtype="int64"),
    "integers are no texts": Case(ExpectColumnOfType, COUNTS, {"type_": "string"}, False, engines=PANDAS),
    "fractions": Case(ExpectColumnOfType, SHARES, {"type_": "float"}, True, engines=PANDAS),
    "texts": Case(ExpectColumnOfType, FISH, {"type_": "str"}, True, "str", [], PANDAS, "str"),
    "truth values": Case(ExpectColumnOfType, [True, False, True], {"type_": "bool"}, True, engines=PANDAS),
    **{
        f"objects by the name {name}": Case(
            ExpectColumnOfType, FISH, {"type_": name}, True, "object_", engines=PANDAS, dtype="object"
        )
        for name in ("object", "object_", "O")
    },
    "moments": Case(
        ExpectColumnOfType, [*DAYS[:2], None], {"type_": "datetime64"}, True, "datetime64", [], PANDAS, "datetime64[us]"
    ),
    "moments of a zone": Case(
        ExpectColumnOfType, DAYS[:2], {"type_": "Timestamp"}, True, "Timestamp", [], PANDAS, "datetime64[us, UTC]"
    ),
    "moments of a zone are none without": Case(
        ExpectColumnOfType, DAYS[:2], {"type_": "datetime64"}, False, None, None, PANDAS, "datetime64[us, UTC]"
    ),
    "moments of a zone are no integers": Case(
        ExpectColumnOfType, DAYS[:2], {"type_": "int"}, False, None, None, PANDAS, "datetime64[us, UTC]"
    ),
    **{
        f"{name} of Spark": Case(ExpectColumnOfType, cells, {"type_": name}, True, name, None, SPARK, None, written)
        for name, written, cells in (
            ("IntegerType", "int", COUNTS),
            ("FloatType", "float", SHARES),
            ("StringType", "string", FISH),
            ("BooleanType", "boolean", [True, False]),
        )
    },
    "integers of Spark are no texts": Case(
        ExpectColumnOfType, COUNTS, {"type_": "StringType"}, False, "IntegerType", None, SPARK, None, "int"
    ),
}
TABLE: dict[str, str] = {}
ROWS = {
    "between": Case(ExpectEnoughRows, NONE, {"min_value": 3, "max_value": 5}, True, 4, column=TABLE),
    "more than may be": Case(ExpectEnoughRows, NONE, {"min_value": 0, "max_value": 1}, False, 4, column=TABLE),
    "at most as many as there are": Case(ExpectEnoughRows, NONE, {"max_value": 4}, True, 4, column=TABLE),
    "at least as many as there are": Case(ExpectEnoughRows, NONE, {"min_value": 4}, True, 4, column=TABLE),
    "at most more": Case(ExpectEnoughRows, NONE, {"min_value": None, "max_value": 10}, True, 4, column=TABLE),
}
EIGHT, GAPS, TWICE, SAME = list(range(11, 19)), [1, 2, 3, 4, 5, None], [6, 6, 6, 7, 8, 9, 10], [3, 3, None, None]
CLASSES = {
    "all differ": Case(ExpectSeveralClasses, EIGHT, {"min_value": 0, "max_value": 10}, True, 8, spark_type="int"),
    "missing ones do not count": Case(
        ExpectSeveralClasses, GAPS, {"min_value": 0, "max_value": 10}, True, 5, spark_type="int"
    ),
    "repeated ones count once": Case(ExpectSeveralClasses, TWICE, {"max_value": 10}, True, 5, spark_type="int"),
    "too few": Case(ExpectSeveralClasses, SAME, {"min_value": 2}, False, 1, spark_type="int"),
    "no bounds": Case(ExpectSeveralClasses, EIGHT, {}, True, 8, spark_type="int"),
}
CASES = {
    f"{case.kind.__name__}: {name}": case
    for group in (MISSING, SETS, TYPES, ROWS, CLASSES)
    for name, case in group.items()
}
REFUSED = {
    "rows: a bound that is no number": (ExpectEnoughRows, {"min_value": "many"}),
    "rows: an upper bound that is no number": (ExpectEnoughRows, {"max_value": "many"}),
    "no set, which one definition lets pass and another break": (
        ExpectKnownLabels,
        {"column": "cell", "value_set": None},
    ),
    "rows: the upper bound below the lower": (ExpectEnoughRows, {"min_value": 1, "max_value": 0}),
    "a parser that there is not": (
        ExpectKnownLabels,
        {"column": "cell", "value_set": ["carp"], "row_condition": "source_row == 1", "condition_parser": "none such"},
    ),
}
"""Refused when the expectation is made, where the definitions let it break on the data."""


def frame_of(case: Case) -> pd.DataFrame:
    num_rows = len(case.cells)
    cells = pd.Series(case.cells, dtype=case.dtype or ("object" if not case.cells else None))
    rows = {"label": ["a"] * num_rows, "source": ["rows.csv"] * num_rows, "source_row": np.arange(num_rows)}
    return pd.DataFrame({"cell": cells, **rows})


def suite_of(case: Case) -> gx.ExpectationSuite:
    return gx.ExpectationSuite(name="one", expectations=[case.kind(**case.column, **case.arguments)])


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "pandas" in case.engines])
def test_a_case_comes_out_with_pandas_as_it_is_defined(name: str) -> None:
    case = CASES[name]
    report, _ = validate(frame_of(case), suite_of(case), excerpt=lambda rows: rows["cell"].map(str), title=name)
    (check,) = report.checks
    require(check, case)
    if case.rows is not None:
        assert [example.row for example in check.examples] == case.rows


@pytest.mark.slow
# pyspark leaves its sockets to the garbage collector, when a session stops
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*socket.*:pytest.PytestUnraisableExceptionWarning")
def test_each_case_comes_out_with_spark_as_it_is_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")  # few rows: do not optimise for many
    with spark_session() as session:
        for name, case in CASES.items():
            if "spark" not in case.engines:
                continue
            rows = [(cell, "a", "rows.csv") for cell in case.cells]
            frame = session.createDataFrame(rows, f"cell {case.spark_type}, label string, source string")
            report, _ = validate_spark(frame, suite_of(case), title=name)
            assert [each.name for each in report.left_out] == []
            require(report.checks[0], case)


def require(check: Check, case: Case) -> None:
    assert check.passed == case.passed, check.message
    if case.value is not None:
        assert check.value == case.value
    assert check.message


@pytest.mark.parametrize("name", REFUSED)
def test_what_can_be_told_beforehand_is_refused_beforehand(name: str) -> None:
    kind, arguments = REFUSED[name]
    with pytest.raises(ValueError, match=r"."):
        kind(**arguments)
