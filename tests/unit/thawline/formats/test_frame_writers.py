"""Frames written one after the other are one file, whole or not there."""

from pathlib import Path

import pandas as pd
import pytest

from thawline.formats.frame_writers import writing_frames
from thawline.formats.tables import read_table


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl", "out.parquet"])
def test_what_is_written_in_parts_reads_as_one_file(tmp_path: Path, name: str) -> None:
    frames = [
        pd.DataFrame({"text": ["a", "加"], "odd": pd.Series([None, 1], dtype=object), "probability": [0.5, 0.25]}),
        pd.DataFrame({"text": ["b"], "odd": ["two"], "probability": [1.0]}),
    ]
    with writing_frames(tmp_path / name) as append:
        for frame in frames:
            append(frame)
    read = read_table(tmp_path / name)
    assert read["text"].tolist() == ["a", "加", "b"]
    assert read["odd"].astype(object).where(read["odd"].notna(), "").map(str).tolist() == ["", "1", "two"]
    assert read["probability"].astype(float).tolist() == [0.5, 0.25, 1.0]


@pytest.mark.parametrize("name", ["out.csv", "out.parquet"])
def test_an_error_on_the_way_leaves_what_was_there_before(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("before")

    def fail() -> None:
        with writing_frames(tmp_path / name) as append:
            append(pd.DataFrame({"a": [1]}))
            raise ValueError("a broken line further down")

    with pytest.raises(ValueError, match="further down"):
        fail()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "before"
