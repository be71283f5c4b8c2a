"""What is too large is not fetched, and that is said once."""

from pathlib import Path

import pytest

from tasks.arriving import fetching
from thawline.params import Params
from thawline.workspace import Workspace


class Bucket:
    """Two objects, one of them large."""

    def find(self, _source: str, *, detail: bool) -> dict[str, dict[str, object]]:
        assert detail
        sizes = {"bucket/in/small.csv": 10, "bucket/in/large.csv": 5_000_000}
        return {key: {"name": key, "type": "file", "ETag": key, "size": size} for key, size in sizes.items()}

    def get_file(self, key: str, target: str) -> None:
        assert key.endswith("small.csv")
        Path(target).write_text("text,label\nx,a\n", encoding="utf-8")


def test_an_object_over_the_limit_is_not_fetched_and_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(fetching, "_connect", Bucket)
    params = Params.model_validate({"name": "x", "arrive": {"source": "s3://bucket/in"}, "ingest": {"max_file_mb": 1}})
    assert fetching.fetch_objects(Workspace(tmp_path), params) == ["bucket/in/small.csv"]
    assert fetching.fetch_objects(Workspace(tmp_path), params) == []
    told = capsys.readouterr().err
    assert told.count("not fetched: s3://bucket/in/large.csv has 5 MB, more than 1 (ingest.max_file_mb)") == 1
