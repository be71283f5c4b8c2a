"""MLflow's scoring server over a model of ours: what it answers to right and to wrong requests.

The behaviours are those that MLflow's own tests of its server ask of a model, and more of the kind, with data of our
own. The server's application is called in this process.
"""

import base64
import io
import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from fastapi.testclient import TestClient
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import scoring_server
from PIL import Image

from modalities import get_modality
from modalities.predictor import load_predictor, save_baseline
from tasks.judging.registry import SERVED, describe_input
from thawline.params import Params

JSON, CSV, PARQUET = "application/json", "text/csv", "application/vnd.apache.parquet"
FIELDS = "must be a JSON dictionary with exactly one of the input fields"
HELPLESS = "unexpected error while evaluating"


@dataclass(frozen=True)
class Case:
    """A request, the status that is due, and what the answer says: labels, or words of the message."""

    body: Any
    status: int
    says: list[str | None] | str
    kind: str = JSON


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Return what makes a registered model's pyfunc of a modality, once."""
    made: dict[str, Any] = {}

    def make(name: str) -> Any:
        if name not in made:
            made[name] = serve(name, tmp_path_factory.mktemp(name))
        return made[name]

    return make


def serve(name: str, place: Path) -> Any:
    """Fit a baseline on twenty rows and load it as the registry's models are loaded."""
    modality = get_modality(name)
    params = Params.model_validate({"name": "m", "modality": name})
    contents: dict[str, dict[str, Any]] = {
        "text": {"text": [f"win money {n}" if n % 2 else f"the patch {n}" for n in range(20)]},
        "tabular": {
            "size": [f"{n % 2 * 9}.5" for n in range(20)],
            "city": ["Ulm", "Köln"] * 10,
            "day": ["2020-01-02"] * 20,
        },
        "image": {"path": [np.full((8, 8, 3), n % 2 * 200 + n, np.uint8) for n in range(20)]},
    }
    rows, _ = modality.prepare(modality.to_rows(pd.DataFrame(contents[name]), params), params)
    params = modality.settle(rows, params)
    estimator = list(modality.baselines.values())[1](params)
    save_baseline(
        place / "fitted",
        estimator.fit(modality.baseline_input(rows), np.arange(20) % 2),
        params=params,
        classes=["a", "b"],
    )
    example = modality.to_input(rows.head(3), params)
    with warnings.catch_warnings(action="ignore", category=UserWarning):  # hints on type hints and on examples
        mlflow.pyfunc.save_model(
            str(place / "model"),
            python_model=str(SERVED),
            artifacts={"model": str(place / "fitted")},
            pip_requirements=["mlflow"],
            signature=describe_input(example, load_predictor(place / "fitted").predict(example)),
        )
    return mlflow.pyfunc.load_model(str(place / "model"))


def check(model: Any, case: Case) -> None:
    """Send the request and compare."""
    body = case.body if isinstance(case.body, str | bytes) else json.dumps(case.body)
    client = TestClient(scoring_server.init(model))
    answer = client.post("/invocations", content=body, headers={"content-type": case.kind})
    assert answer.status_code == case.status, answer.text[-900:]
    if isinstance(case.says, str):
        assert case.says in (answer.text if case.status == 415 else answer.json()["message"])
        assert HELPLESS not in answer.text
    else:
        assert [row["label"] for row in json.loads(answer.text, parse_constant=pytest.fail)["predictions"]] == case.says


def parquet(**columns: list[Any]) -> bytes:
    """Return a Parquet file's bytes."""
    stream = io.BytesIO()
    pd.DataFrame(columns).to_parquet(stream)
    return stream.getvalue()


def split(*texts: Any, column: str = "text") -> dict[str, Any]:
    """Return a frame of one column as MLflow's `dataframe_split`."""
    return {"dataframe_split": {"columns": [column], "data": [[text] for text in texts]}}


WIN, PATCH = "win money", "the patch"
RECORDS = [{"text": WIN}, {"text": PATCH}]
TEXTS = {
    "an unknown content type": Case("{}", 415, "only supports the following content types", "not_a_type"),
    "a picture": Case(b"\x89PNG", 415, "Got 'image/png'", "image/png"),
    "another charset": Case("{}", 415, "only supports UTF-8", f"{JSON}; charset=latin-1"),
    "an unknown parameter of the content type": Case("{}", 415, "parameters: something", f"{JSON}; something=x"),
    "the charset named": Case(split(WIN), 200, ["b"], f"{JSON}; charset=UTF-8"),
    "no JSON": Case("this is,,,, no JSON", 400, "valid JSON formatted string"),
    "no body": Case("", 400, "valid JSON formatted string"),
    "no UTF-8": Case(b'{"inputs": ["\xff"]}', 400, "valid JSON formatted string"),
    "a number": Case(1, 400, FIELDS),
    "a text": Case('"1"', 400, FIELDS),
    "a list": Case([1], 400, FIELDS),
    "null": Case("null", 400, FIELDS),
    "no known field": Case({"not": "a frame"}, 400, FIELDS),
    "no field": Case({}, 400, FIELDS),
    "two fields": Case({"dataframe_records": [], "dataframe_split": {"data": []}}, 400, FIELDS),
    "records as split": Case({"dataframe_split": RECORDS}, 400, "must be a dictionary. Got list"),
    "split as records": Case({"dataframe_records": {"data": []}}, 400, "must be a list of records. Got dictionary"),
    "split of null": Case({"dataframe_split": None}, 400, "must be a dictionary"),
    "records of null": Case({"dataframe_records": None}, 400, "must be a list of records"),
    "an index too short": Case({"dataframe_split": {"index": [1], "data": [[1], [2]]}}, 400, "not a valid dataframe"),
    "rows of two lengths": Case(
        {"dataframe_split": {"columns": ["text"], "data": [["a"], ["b", "c"]]}}, 400, "not a valid dataframe"
    ),
    "no column names": Case({"dataframe_split": {"data": [["a"]]}}, 400, "missing inputs ['text']"),
    "another column": Case(
        split(WIN, column="body"), 400, "missing inputs ['text']. Note that there were extra inputs"
    ),
    "bare texts as records": Case({"dataframe_records": [WIN]}, 400, "missing inputs ['text']"),
    "split": Case(split(WIN, PATCH), 200, ["b", "a"]),
    "records": Case({"dataframe_records": RECORDS}, 200, ["b", "a"]),
    "another column besides": Case({"dataframe_records": [RECORDS[0] | {"more": 1}]}, 200, ["b"]),
    "instances": Case({"instances": RECORDS}, 200, ["b", "a"]),
    "instances of bare texts": Case({"instances": [WIN, PATCH]}, 200, ["b", "a"]),
    "instances of lists": Case({"instances": [[WIN], [PATCH]]}, 400, "a cell holds a list, not a text"),
    "instances of null": Case({"instances": None}, 400, "missing inputs ['text']"),
    "inputs": Case({"inputs": {"text": [WIN, PATCH]}}, 200, ["b", "a"]),
    "inputs of bare texts": Case({"inputs": [WIN, PATCH]}, 200, ["b", "a"]),
    "inputs of one text": Case({"inputs": {"text": WIN}}, 200, ["b"]),
    "inputs of another column": Case({"inputs": {"body": [WIN]}}, 400, "missing inputs ['text']"),
    "inputs of two lengths": Case({"inputs": {"text": [WIN, PATCH], "more": [1]}}, 400, "same length"),
    "inputs that are a number": Case({"inputs": 5}, 400, "missing inputs ['text']"),
    "unknown params": Case({"dataframe_records": RECORDS, "params": {"p": 1}}, 200, ["b", "a"]),
    "no rows": Case(split(), 200, []),
    "no records": Case({"dataframe_records": []}, 400, "missing inputs ['text']"),
    "no instances": Case({"instances": []}, 200, []),
    "a missing text": Case({"dataframe_records": [{"text": None}, {}, RECORDS[0]]}, 200, [None, None, "b"]),
    "a blank text": Case(split(" \n", WIN), 200, [None, "b"]),
    "NaN": Case('{"dataframe_records": [{"text": NaN}]}', 200, [None]),
    "a number for a text": Case(split(16, 17), 200, ["a", "b"]),
    "a list for a text": Case(split([WIN]), 400, "a cell holds a list, not a text: ['win money'] (row 0 of column"),
    "an object for a text": Case(split(WIN, {"a": 1}), 400, "a cell holds a dict, not a text: {'a': 1} (row 1"),
    "a chat": Case({"messages": [{"role": "user", "content": WIN}]}, 400, "missing inputs ['text']"),
    "CSV": Case(f'text\n{WIN}\n"the patch, again"\n', 200, ["b", "a"], CSV),
    "an empty CSV": Case("", 400, "valid CSV-formatted Pandas DataFrame", CSV),
    "a CSV of rows of two lengths": Case("text\na\nb,c,d\n", 400, "Expected 1 fields in line 3, saw 3", CSV),
    "a CSV of no UTF-8": Case(b"text\n\xff\n", 400, "valid UTF-8 encoded string", CSV),
    "a CSV of another column": Case("body\na\n", 400, "missing inputs ['text']", CSV),
    "a CSV without rows": Case("text\n", 200, [], CSV),
    "a CSV of numbers": Case("text\n16\n17\n", 200, ["a", "b"], CSV),
    "Parquet": Case(parquet(text=[WIN, PATCH]), 200, ["b", "a"], PARQUET),
    "no Parquet": Case(b"nope", 400, "valid Parquet Pandas DataFrame", PARQUET),
    "Parquet of another column": Case(parquet(body=[WIN]), 400, "missing inputs ['text']", PARQUET),
}
ROW = {"size": 9.5, "city": "Köln", "day": "2020-01-02"}
TABLES = {
    "records": Case({"dataframe_records": [ROW, ROW | {"size": 0.5, "city": "Ulm"}]}, 200, ["b", "a"]),
    "columns in another order": Case(
        {"dataframe_split": {"columns": list(ROW)[::-1], "data": [list(ROW.values())[::-1]]}}, 200, ["b"]
    ),
    "instances": Case({"instances": [ROW, ROW]}, 200, ["b", "b"]),
    "inputs": Case({"inputs": {name: [cell] for name, cell in ROW.items()}}, 200, ["b"]),
    "instances without names": Case({"instances": [list(ROW.values())]}, 400, "missing inputs ['size', 'city', 'day']"),
    "a missing column": Case({"dataframe_records": [{"size": 1.5, "city": "Ulm"}]}, 400, "missing inputs ['day']"),
    "columns of two lengths": Case({"inputs": {"size": [1, 2], "city": ["a"], "day": ["b"]}}, 400, "same length"),
    "a whole number": Case({"dataframe_records": [ROW | {"size": 9}]}, 200, ["b"]),
    "a number as text": Case({"dataframe_records": [ROW | {"size": "9.5"}]}, 200, ["b"]),
    "a word for a number": Case({"dataframe_records": [ROW | {"size": "big"}]}, 200, ["b"]),
    "infinity": Case('{"dataframe_records": [{"size": Infinity, "city": "Ulm", "day": "2020"}]}', 200, ["a"]),
    "a missing cell": Case({"dataframe_records": [ROW | {"size": None}]}, 200, ["b"]),
    "no cell at all": Case({"dataframe_records": [dict.fromkeys(ROW), ROW]}, 200, [None, "b"]),
    "a list for a number": Case({"dataframe_records": [ROW | {"size": [1]}]}, 400, "a cell holds a list, not a text"),
    "an object for a city": Case({"dataframe_records": [ROW | {"city": {}}]}, 400, "a cell holds a dict, not a text"),
    "Parquet": Case(parquet(**{name: [cell] for name, cell in ROW.items()}), 200, ["b"], PARQUET),
    "CSV, whose types MLflow takes from a signature that leaves them open": Case(
        "size,city,day\n9.5,Ulm,2020\n", 400, "some of the inputs types are not DataType", CSV
    ),
}


def picture(shade: int) -> str:
    """Return a grey image's file as base64."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, shade, shade)).save(stream, "PNG")
    return base64.b64encode(stream.getvalue()).decode()


DARK, LIGHT = picture(5), picture(210)
IMAGES = {
    "records": Case({"dataframe_records": [{"path": LIGHT}, {"path": DARK}]}, 200, ["b", "a"]),
    "instances": Case({"instances": [{"path": LIGHT}, {"path": DARK}]}, 200, ["b", "a"]),
    "an object for an image": Case({"instances": [{"path": {"b64": LIGHT}}]}, 200, [None]),
    "inputs": Case({"inputs": {"path": [LIGHT]}}, 200, ["b"]),
    "inputs of bare images": Case({"inputs": [LIGHT]}, 200, ["b"]),
    "CSV": Case(f"path\n{LIGHT}\n", 200, ["b"], CSV),
    "another column": Case({"dataframe_records": [{"img": LIGHT}]}, 400, "missing inputs ['path']"),
    "no base64": Case({"dataframe_records": [{"path": "not base64!"}]}, 400, "Failed to convert column path"),
    "the path of a file": Case({"dataframe_records": [{"path": "/etc/passwd"}]}, 400, "Failed to convert column path"),
    "null": Case({"dataframe_records": [{"path": None}]}, 400, "Failed to convert column path"),
    "a number": Case({"dataframe_records": [{"path": 5}]}, 400, "Failed to convert column path"),
    "a file that is no image": Case({"dataframe_records": [{"path": "aGVsbG8="}, {"path": LIGHT}]}, 200, [None, "b"]),
    "half an image": Case({"dataframe_records": [{"path": LIGHT[:40]}]}, 200, [None]),
}


@pytest.mark.parametrize("name", TEXTS)
def test_requests_of_texts(served: Callable[[str], Any], name: str) -> None:
    check(served("text"), TEXTS[name])


@pytest.mark.parametrize("name", TABLES)
def test_requests_of_tables(served: Callable[[str], Any], name: str) -> None:
    check(served("tabular"), TABLES[name])


@pytest.mark.parametrize("name", IMAGES)
def test_requests_of_images(served: Callable[[str], Any], name: str) -> None:
    check(served("image"), IMAGES[name])


def test_a_loaded_model_refuses_in_the_same_words(served: Callable[[str], Any]) -> None:
    with pytest.raises(MlflowException, match="a cell holds a list, not a text"):
        served("text").predict(pd.DataFrame({"text": [["a"]]}))


def test_the_server_says_that_it_is_well_and_takes_no_other_method(served: Callable[[str], Any]) -> None:
    client = TestClient(scoring_server.init(served("text")))
    assert [client.get(f"/{each}").status_code for each in ("ping", "health", "version")] == [200, 200, 200]
    assert client.get("/invocations").status_code == 405
