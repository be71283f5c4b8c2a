"""Files that arrive in an S3 bucket: an S3 of our own, on loopback."""

from pathlib import Path

import pytest
from servers import make_bucket, s3_environment

from tasks.arriving.fetching import _connect, _list, fetch_objects
from thawline.errors import ServiceError
from thawline.params import Params
from thawline.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("versions")]


@pytest.fixture
def endpoint(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in s3_environment(s3_address).items():
        monkeypatch.setenv(name, value)
    make_bucket(f"{s3_address}/bucket")
    return s3_address


def test_each_object_is_fetched_once_a_changed_one_again_and_none_is_removed(endpoint: str, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.state.mkdir()
    params = Params.model_validate({"name": "test", "arrive": {"source": "s3://bucket/in"}})
    for key, content in {"in/a.csv": b"1", "in/deep/a.csv": b"2", "in/b.csv.part": b"3", "out/c.csv": b"4"}.items():
        _connect().pipe(f"bucket/{key}", content)
    assert sorted(fetch_objects(workspace, params)) == ["bucket/in/a.csv", "bucket/in/deep/a.csv"]
    files = {path.name: path.read_bytes() for path in workspace.incoming.iterdir()}
    assert sorted(files) == ["2-a.csv", "a.csv"]
    assert sorted(files.values()) == [b"1", b"2"]
    assert fetch_objects(workspace, params) == []
    _connect().pipe("bucket/in/a.csv", b"5")
    assert fetch_objects(workspace, params) == ["bucket/in/a.csv"]
    assert len(_list(_connect(), "s3://bucket/in")) == 3


def test_a_bucket_that_does_not_answer_is_named_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Silent:
        def find(self, source: str, detail: bool) -> None:
            raise ConnectionError("no answer")

    monkeypatch.setattr("tasks.arriving.fetching._connect", Silent)
    params = Params.model_validate({"name": "test", "arrive": {"source": "s3://nobody/in"}})
    with pytest.raises(ServiceError, match=r"can't fetch from s3://nobody/in: no answer; check the bucket"):
        fetch_objects(Workspace(tmp_path), params)


@pytest.mark.parametrize("source", ["gs://bucket/x", "s3://", "s3://key:secret@bucket/x", "/tmp/x"])
def test_another_source_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="BUCKET/PREFIX"):
        Params.model_validate({"name": "test", "arrive": {"source": source}})
