"""The same frame gives the same bytes, and a file is whole or untouched."""

from pathlib import Path

import pandas as pd
import pytest

from thawline.errors import StorageError
from thawline.formats.frames import read_frame, write_frame, write_report

FRAME = pd.DataFrame({"text": ["x", None, "ü"], "n": [1, 2, 3]})


def test_a_frame_comes_back_and_its_bytes_do_not_change(tmp_path: Path) -> None:
    write_frame(FRAME, tmp_path / "a.parquet")
    write_frame(FRAME.set_index(pd.Index([5, 6, 7])), tmp_path / "b.parquet")
    pd.testing.assert_frame_equal(read_frame(tmp_path / "a.parquet"), FRAME)
    assert (tmp_path / "a.parquet").read_bytes() == (tmp_path / "b.parquet").read_bytes()


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "report.json"
    write_report({"rows": 1}, path)

    def full(self: Path, _content: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(StorageError, match="disk is full"):
        write_report({"rows": 2}, path)
    assert path.read_text() == '{\n  "rows": 1\n}\n'
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
