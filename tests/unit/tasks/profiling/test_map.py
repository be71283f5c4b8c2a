"""A map needs rows that differ."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np

from tasks.profiling.map import Vectors, describe_map


def test_rows_that_are_all_the_same_to_the_encoder_have_no_map() -> None:
    labels = np.array(["a", "b"] * 20, dtype=object)
    subject = cast("Any", SimpleNamespace(labels=labels, classes=["a", "b"]))
    values = np.tile(np.linspace(-1, 1, 8), (40, 1))
    section = describe_map(subject, Vectors(np.arange(40), values, "the encoder", is_encoded=True))
    assert "all rows are the same to the encoder" in section.panels[0].says
