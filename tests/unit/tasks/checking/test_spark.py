"""With Spark the checks find what they find with pandas; what Spark can't run is named, and so is what it lacks."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

pytest.importorskip("great_expectations")

from expectations.report import ValidationReport
from modalities.tables.spark import LOGGING
from tasks.checking.validate import validate_file, validate_raw
from thawline.errors import DataError, DataRefusedError, UsageError
from thawline.params import Params
from thawline.workspace import Workspace


def params(engine: str, modality: str = "tabular") -> Params:
    limits = {
        "engine": engine,
        "embedding": False,
        "slice_columns": ["city", "shop"],
        "min_slice_rows": 5,
        "max_slice_gap": 0.1,
        "ranges": {"size": [0, 50], "nowhere": [0, 1]},
        "categories": {"city": ["Rome", "O'Slo\\"]},
        "labels": ["a", "b"],
        "max_duplicate_share": 0.0,
        "max_outlier_share": 0.0,
        "max_missing_cells": 0.1,
    }
    return Params.model_validate(
        {"name": "t", "modality": modality, "ingest": {"drop_columns": ["shop"]}, "validation": limits}
    )


def write(path: Path) -> Path:
    """Write rows with something wrong for every check that Spark runs."""
    generator = np.random.default_rng(0)
    num_rows = 400
    frame = pd.DataFrame(
        {
            "size": generator.integers(1, 30, num_rows).astype(float),
            "city": generator.choice(["Rome", "O'Slo\\", "Bern"], num_rows, p=[0.6, 0.39, 0.01]),
            "code": [f"customer {n}" for n in range(num_rows)],
            "same": "x",
            "none": pd.Series([None] * num_rows, dtype="str"),
            "day": pd.Timestamp("2020-01-01"),
            "flag": generator.choice([True, False], num_rows),
            "shop": generator.choice(["one", "two"], num_rows),
            "label": generator.choice(["a", "b"], num_rows),
        }
    )
    frame["copy of `it`"] = frame["label"].map({"a": 3, "b": 7})
    frame.loc[5, "size"] = np.inf
    frame.loc[6, "size"] = 1e6
    frame.loc[7, "label"] = "c"
    frame.loc[8, "label"] = None
    twice = frame.iloc[[20, 21, 22]].assign(city=lambda rows: rows["city"] + " ")
    other = frame.iloc[[30, 31]].assign(label=lambda rows: rows["label"].map({"a": "b", "b": "a"}))
    pd.concat([frame, twice, other], ignore_index=True).to_parquet(path)
    return path


@pytest.mark.slow
# pyspark leaves its sockets to the garbage collector, when a session stops
@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
@pytest.mark.filterwarnings("ignore:.*socket.*:pytest.PytestUnraisableExceptionWarning")
def test_both_engines_say_the_same_and_what_spark_leaves_out_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1")  # few rows: do not optimise for many
    path = write(tmp_path / "rows.parquet")
    by_pandas = validate_file(path, params("pandas"))
    by_spark = validate_file(path, params("spark"), reports=tmp_path / "reports")
    assert by_spark.engine == "spark"
    assert (by_spark.num_rows, by_spark.rows_per_class) == (by_pandas.num_rows, by_pandas.rows_per_class)
    assert by_spark.sources == ("rows.parquet",)
    names = {check.name for check in by_spark.checks} | {left_out.name for left_out in by_spark.left_out}
    assert names == {check.name for check in by_pandas.checks}
    assert {left_out.name for left_out in by_spark.left_out} == {
        "expect_column_of_type", "expect_few_near_duplicates", "expect_diverse_rows", "expect_readable_cells",
        "expect_usual_cells", "expect_unmixed_columns", "expect_one_decimal_sign",
    }  # fmt: skip
    assert told(by_spark) == {key: found for key, found in told(by_pandas).items() if key in told(by_spark)}
    assert len(by_spark.critical_failures) >= 4
    page = (tmp_path / "reports" / "validation_raw.html").read_text()
    assert "Few near duplicates" in page
    assert "validation.engine: pandas" in page
    (tmp_path / "cut.parquet").write_bytes(path.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"Spark can't read cut\.parquet"):
        validate_file(tmp_path / "cut.parquet", params("spark"))


def told(report: ValidationReport) -> dict[tuple[str, str | None], tuple[bool, object, object, str]]:
    """Return what each check found; types are called otherwise by Spark."""
    return {
        (check.name, check.column): (check.passed, check.value, check.limit, check.message)
        for check in report.checks
        if check.name != "expect_column_of_type"
    }


def test_without_java_or_pyspark_the_remedy_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "rows.parquet")
    monkeypatch.setattr(shutil, "which", lambda *_, **__: None)
    with pytest.raises(UsageError, match=r"needs a Java runtime.*validation\.engine: pandas"):
        validate_file(path, params("spark"))
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(UsageError, match=r"needs pyspark, which is not installed; pip install pyspark"):
        validate_file(path, params("spark"))


@pytest.mark.parametrize("modality", ["text", "image"])
def test_what_is_no_table_is_not_checked_by_spark(tmp_path: Path, modality: str) -> None:
    with pytest.raises(UsageError, match=f"'spark' checks tables; {modality} data"):
        validate_file(tmp_path / "rows.csv", params("spark", modality))


def test_no_data_is_refused_before_spark_starts(tmp_path: Path) -> None:
    with pytest.raises(DataRefusedError, match="holds no data"):
        validate_raw(Workspace(tmp_path), params("spark"))


def test_sparks_own_log_is_configured_by_a_file_that_is_there() -> None:
    assert LOGGING.is_file()
