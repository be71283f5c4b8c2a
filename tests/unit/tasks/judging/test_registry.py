"""What a registered model says that it takes."""

import pandas as pd
import pytest
from mlflow.models.utils import _enforce_schema

from tasks.judging.registry import describe_input

EXAMPLE = pd.DataFrame(
    {"size": [1.5, 2.0], "day": pd.to_datetime(["2020-01-01", "2020-01-02"]), "city": ["Ulm", "Köln"]}
)


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(EXAMPLE, id="the example"),
        pytest.param(EXAMPLE.assign(size=[1, 2]), id="whole numbers"),
        pytest.param(
            EXAMPLE.assign(size=["1,5", None], day=["01.02.2020", None], city=[None, "Bonn"]), id="texts, gaps"
        ),
    ],
)
def test_cells_of_a_table_come_through_the_signature_as_they_are(given: pd.DataFrame) -> None:
    signature = describe_input(EXAMPLE, pd.DataFrame({"label": ["a"]}))
    passed = _enforce_schema(given, signature.inputs)
    assert passed.astype(str).to_dict("list") == given.astype(str).to_dict("list")


def test_texts_stay_typed() -> None:
    signature = describe_input(pd.DataFrame({"text": ["hello"]}), pd.DataFrame({"label": ["a"]}))
    assert str(signature.inputs) == "['text': string (required)]"
