"""`thawline doctor` tries every service that is named, and says of each that is missing what to do."""

from collections.abc import Iterator

import pytest
from servers import Database, make_bucket, postgresql, s3_environment
from session import free_port

from tasks.upkeep.connections import PREFECT_DATABASE, examine_connections
from tasks.upkeep.findings import Finding
from thawline.params import Params

pytestmark = pytest.mark.xdist_group("versions")


@pytest.fixture(scope="module")
def database() -> Iterator[Database]:
    with postgresql("0123456789ab", ["there"]) as running:
        yield running


def examine(**sections: object) -> dict[str, Finding]:
    params = Params.model_validate({"name": "x", **sections})
    return {finding.what: finding for finding in examine_connections(params)}


def test_nothing_is_asked_of_a_workspace_that_needs_no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PREFECT_DATABASE, raising=False)
    assert examine(versioning={"remote": "../backup"}) == {}


def test_databases_are_found_missing_or_locked(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PREFECT_DATABASE, database.address("there", scheme="postgresql+asyncpg"))
    monkeypatch.setenv("PGPASSWORD", database.password)
    found = examine(search={"storage": database.address("missing")})
    assert found["Prefect's database"].ok
    assert 'database "missing" does not exist' in found["trials' database"].found
    assert "mend search.storage" in found["trials' database"].remedy
    monkeypatch.setenv("PGPASSWORD", "wrong")
    assert "password authentication failed" in examine()["Prefect's database"].found
    monkeypatch.setenv(PREFECT_DATABASE, f"postgresql+asyncpg://user:planted@127.0.0.1:{free_port()}/x")
    refused = examine()["Prefect's database"]
    assert not refused.ok
    assert "planted" not in str(refused)


def test_buckets_are_found_missing_or_silent(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in s3_environment(s3_address).items():
        monkeypatch.setenv(name, value)
    make_bucket(f"{s3_address}/there")
    remotes = {"versioning": {"remote": "s3://there/data"}, "tracking": {"artifacts": "s3://missing/x"}}
    found = examine(**remotes, arrive={"source": "s3://there/in"})
    assert {what: finding.ok for what, finding in found.items()} == {
        "data remote": True,
        "artifacts": False,
        "arrivals' bucket": True,
    }
    assert "make the bucket" in found["artifacts"].remedy
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{free_port()}")
    assert "AWS_ENDPOINT_URL" in examine(**remotes)["data remote"].remedy


def test_a_ray_cluster_is_found_missing() -> None:
    address = f"127.0.0.1:{free_port()}"
    missing = examine(runner={"kind": "ray", "address": address})["Ray"]
    assert address in missing.found
    assert "ray start --head" in missing.remedy
    assert examine(runner={"kind": "ray"})["Ray"].ok
