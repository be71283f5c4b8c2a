"""Slices of the test rows are found under the names that the line gives them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tasks.judging.evaluation import _score_slices
from thawline.context import Context
from thawline.params import Params
from thawline.rows.columns import carried

CASES = [
    pytest.param(
        "text", lambda city: {"text": ["a"] * 80, **carried(pd.DataFrame({"city": city}), ["city"])}, id="text"
    ),
    pytest.param("tabular", lambda city: {"size": [1.0] * 80, "city": city}, id="a table's own column"),
]


@pytest.mark.parametrize(("modality", "columns"), CASES)
def test_slices_are_scored_by_the_owners_column(modality: str, columns) -> None:  # type: ignore[no-untyped-def]
    params = Params.model_validate(
        {"name": "x", "modality": modality, "validation": {"slice_columns": ["city", "nowhere"], "min_slice_rows": 10}}
    )
    frame = pd.DataFrame(columns(["Oslo"] * 40 + ["Rome"] * 40))
    labels = np.arange(80) % 2
    answers = labels.copy()
    answers[40:60] = 1 - answers[40:60]
    context = Context(root=Path(), params=params, data_version="a", code_version="b")
    scores = {each.value: each.accuracy for each in _score_slices(context.params.validation, frame, labels, answers)}
    assert scores == {"Oslo": 1.0, "Rome": 0.5}
