"""Tables read by Spark, on the machine's cores: for files that pandas could not hold, checked and not yet cleaned.

- Columns have the kinds that the files give them, unless `ingest.columns` names them: nothing is inferred from cells
  of Parquet, and of CSV only what Spark infers. Numbers become double, dates timestamp, truth values 'true' and
  'false', and everything else stays text.
- A cell that its column's kind can't hold counts as missing. `normalised` is a hash of the row, as in
  `modalities/tabular.py`, but by Spark's own hashes; row numbers are not carried, as no order is promised.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import reduce
from pathlib import Path
from typing import Any

import psutil

from modalities.tables.comparing import not_content, slices_beside
from thawline.errors import UnreadableFileError, UsageError
from thawline.params import Params
from thawline.rows.columns import CARRIED, RESERVED, SLICE, inner_name

LOGGING = Path(__file__).with_name("log4j2.properties")
FORMATS = {".parquet": "parquet", ".csv": "csv", ".tsv": "csv", ".jsonl": "json"}
NUMBERS = frozenset(("tinyint", "smallint", "int", "bigint", "float", "double"))
DATES = frozenset(("date", "timestamp", "timestamp_ntz"))
KINDS = {"numeric": "double", "date": "timestamp", "boolean": "string", "categorical": "string"}
REMEDY = "or set validation.engine: pandas"


@contextmanager
def spark_session() -> Iterator[Any]:
    """Start Spark on this machine's cores, bound to loopback, for the time of the block.

    Raises:
        UsageError: pyspark or a Java runtime is missing.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise UsageError(
            f"validation.engine = 'spark' needs pyspark, which is not installed; pip install pyspark, {REMEDY}"
        ) from None
    java = shutil.which("java", path=f"{os.environ['JAVA_HOME']}/bin" if "JAVA_HOME" in os.environ else None)
    if java is None:
        raise UsageError(
            "validation.engine = 'spark' needs a Java runtime (17 or 21), and there is no `java` on PATH or in "
            f"JAVA_HOME; install one, {REMEDY}"
        )
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    settings = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": f"{max(2048, psutil.virtual_memory().total // 4 // 2**20)}m",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile=file:{LOGGING}",
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.codegen.hugeMethodLimit": "8000",  # beyond that many bytes, Java interprets a method for ever
        "spark.sql.constraintPropagation.enabled": "false",  # exponential in the size of an expression
        "spark.sql.shuffle.partitions": str(2 * (os.cpu_count() or 1)),
    }
    builder = SparkSession.builder.master("local[*]").appName("thawline")
    session = reduce(lambda made, item: made.config(*item), settings.items(), builder).getOrCreate()
    try:
        yield session
    finally:
        session.stop()


@contextmanager
def spark_frame(paths: list[Path], params: Params) -> Iterator[Any]:
    """Return `read_spark` of a session that lasts as long as the block.

    Raises:
        UsageError: pyspark or a Java runtime is missing.
        UnreadableFileError: A file can't be read as a table.
    """
    with spark_session() as session:
        yield read_spark(session, paths, params)


def read_spark(session: Any, paths: list[Path], params: Params) -> Any:
    """Return a Spark frame of all files: content columns, `label`, `source` and `normalised`.

    Spark keeps it, in its memory and beyond that on disk: files are parsed once, and no check's plan grows with the
    expressions that made the columns (with them, the optimiser alone took minutes).

    Args:
        session: From `spark_session`.
        paths: Files of rows, or directories of Parquet files.
        params: `ingest` names label, kinds and dropped columns, `validation` the slices.

    Raises:
        UnreadableFileError: A file can't be read as a table, or lacks a column that the params name.
    """
    from py4j.protocol import Py4JJavaError
    from pyspark.errors import PySparkException
    from pyspark.sql import functions as F  # noqa: N812  # the name that everybody gives it

    try:
        frames = [_load(session, path, params) for path in paths]
        frame = reduce(lambda one, other: one.unionByName(other, allowMissingColumns=True), frames)
        columns = [name for name in frame.columns if name not in RESERVED and not name.startswith(CARRIED)]
        frame = frame.withColumn("normalised", _row_hash(F, frame, columns)).persist()
        num_rows = frame.count()  # reads all of it: what can't be read says so here
    except (PySparkException, Py4JJavaError) as error:
        causes = [line for line in str(error).splitlines() if line.startswith("Caused by: ")]
        reason = (causes or str(error).splitlines())[-1 if causes else 0].removeprefix("Caused by: ")
        raise UnreadableFileError(
            f"Spark can't read {', '.join(path.name for path in paths)}: {reason}; copy or write it again, {REMEDY}"
        ) from None
    if not num_rows:
        raise UnreadableFileError(f"{', '.join(path.name for path in paths)} holds no rows; it needs a row an example")
    return frame


def _load(session: Any, path: Path, params: Params) -> Any:
    from pyspark.sql import functions as F  # noqa: N812

    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in {".gz", ".bz2"}]
    form = "parquet" if path.is_dir() else FORMATS.get(suffixes[-1] if suffixes else "")
    if form is None:
        raise UnreadableFileError(f"{path} is no format of rows that Spark reads; use {', '.join(FORMATS)}, {REMEDY}")
    reader = session.read.format(form)
    if form == "csv":
        separator = "\t" if ".tsv" in suffixes else ","
        reader = reader.options(
            header=True, inferSchema=True, sep=separator, multiLine=True, escape='"', mode="FAILFAST"
        )
        reader = reader.option("encoding", params.ingest.encoding)
    frame = reader.load(str(path.resolve()))
    label, ingest = params.ingest.label_column, params.ingest
    lacking = [name for name in (label, *ingest.columns) if name not in frame.columns]
    if lacking:
        raise UnreadableFileError(
            f"{path} has no column {lacking[0]!r}; its columns are {', '.join(frame.columns[:20])}"
        )
    types = dict(frame.dtypes)
    chosen = [
        _cell(F, name, types[name], ingest.columns.get(name)).alias(inner_name(name))
        for name in frame.columns
        if name not in not_content(params)
    ]
    chosen += [_text(F, name, types[name]).alias(f"{SLICE}{name}") for name in slices_beside(params) if name in types]
    return frame.select(*chosen, _text(F, label, types[label]).alias("label"), F.lit(path.name).alias("source"))


def _cell(functions: Any, name: str, found: str, named: str | None) -> Any:
    """Return a column of its kind, missing where that can't hold it."""
    wanted = KINDS[named] if named else _kind(name, found)
    if wanted == "string":
        return _text(functions, name, found)
    column = functions.col(_quoted(name))
    if wanted == "timestamp":
        return column.try_cast("timestamp")
    number = column.try_cast("double")
    infinite = functions.isnan(number) | (functions.abs(number) == float("inf"))
    return functions.when(~infinite, number)


def _kind(name: str, found: str) -> str:
    if found in NUMBERS or found.startswith("decimal"):
        return "double"
    if found in DATES:
        return "timestamp"
    if found in {"string", "boolean"} or found.startswith(("varchar", "char")):
        return "string"
    raise UnreadableFileError(f"column {name!r} holds {found[:40]}, not cells; write it as text, or drop it")


def _text(functions: Any, name: str, found: str) -> Any:
    """Return a column as trimmed text, missing where it is blank; whole numbers are written without '.0'."""
    column = functions.col(_quoted(name))
    text = column.cast("string")
    if found in {"float", "double"}:
        text = functions.when(column % 1 == 0, column.try_cast("bigint").cast("string")).otherwise(text)
    trimmed = functions.trim(functions.regexp_replace(text, r"\s+", " "))
    return functions.when(trimmed != "", trimmed)


def _quoted(name: str) -> str:
    return f"`{name.replace('`', '``')}`"


def _row_hash(functions: Any, frame: Any, columns: list[str]) -> Any:
    """Return 128 bits of a row's cells as text, case left out; '' where all are missing."""
    types = dict(frame.dtypes)
    cells = []
    for name in columns:
        column = functions.col(_quoted(name))
        cells += [functions.lower(column) if types[name] == "string" else column, column.isNull()]
    halves = [functions.hex(functions.xxhash64(functions.lit(seed), *cells)) for seed in (1, 2)]
    empty = reduce(lambda one, other: one & other, [functions.col(_quoted(name)).isNull() for name in columns])
    return functions.when(empty, "").otherwise(functions.concat_ws("-", *halves))
