"""Files that arrive in an S3 bucket: an S3 of our own, on loopback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_versions import free_port, make_bucket

from tasks.fetching import _connect, _list, fetch_objects
from thawline.errors import ServiceError, StorageError
from thawline.params import Params
from thawline.workspace import Workspace

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("versions")]


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    address = f"http://127.0.0.1:{free_port()}"
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", address.rpartition(":")[2]]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=dict(os.environ))
    try:
        make_bucket(f"{address}/bucket")
        yield address
    finally:
        server.kill()
        server.wait()


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

    nowhere = Params.model_validate({"name": "test", "arrive": {"source": "s3://nobody/in"}})
    with pytest.raises((ServiceError, StorageError), match="nobody"):
        fetch_objects(workspace, nowhere)


@pytest.mark.parametrize("source", ["gs://bucket/x", "s3://", "s3://key:secret@bucket/x", "/tmp/x"])
def test_another_source_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match="BUCKET/PREFIX"):
        Params.model_validate({"name": "test", "arrive": {"source": source}})
