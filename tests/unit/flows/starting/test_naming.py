"""What flow runs are called."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from flows.starting import naming
from flows.starting.naming import name_arrivals, name_run


@pytest.mark.parametrize(
    ("names", "cause"),
    [
        (["mails.csv"], "arrival mails.csv"),
        (["a.csv", "b.csv"], "arrival a.csv, b.csv"),
        (["a.csv", "b.csv", "c.csv", "d.csv"], "arrival a.csv, b.csv and 2 more"),
        ([f"{'a' * 300}.csv"], f"arrival {'a' * 60}…"),
    ],
)
def test_what_arrived_is_named_the_first_of_many_alone(names: list[str], cause: str) -> None:
    assert name_arrivals(names) == cause


@pytest.mark.parametrize(
    ("deployment_id", "auto_scheduled", "cause"),
    [(None, False, "by hand"), ("some", True, "schedule"), ("some", False, "event")],
)
def test_a_run_is_named_after_its_workspace_and_who_set_it_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, deployment_id: str | None, auto_scheduled: bool, cause: str
) -> None:
    (tmp_path / "params.yaml").write_text("name: mails\n")
    run = SimpleNamespace(deployment_id=deployment_id, auto_scheduled=auto_scheduled)
    with beginning(monkeypatch, run, tmp_path):
        assert name_run() == f"mails: {cause}"
        assert name_run("arrival a.csv") == "mails: arrival a.csv"


def test_a_workspace_that_cannot_be_read_is_named_by_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with beginning(monkeypatch, SimpleNamespace(deployment_id=None), tmp_path / "gone"):
        assert name_run() == "gone: by hand"


@contextmanager
def beginning(monkeypatch: pytest.MonkeyPatch, run: SimpleNamespace, root: Path) -> Iterator[None]:
    """Let a flow run begin for the workspace at `root`."""
    monkeypatch.setattr(naming, "flow_run", SimpleNamespace(parameters={"root": root}))
    monkeypatch.setattr(naming, "FlowRunContext", SimpleNamespace(get=lambda: SimpleNamespace(flow_run=run)))
    yield
