"""A real workspace on real mails with real weights, run once for all tests that look at it."""

import os
from collections.abc import Iterator
from pathlib import Path

# Two tests share two cores: threads of one that wait for a core would make each operation ten times slower. Before
# torch is imported, and for the commands that tests start.
os.environ["OMP_NUM_THREADS"] = "1"
# Else each of the many processes that tests start would compile what it imports, which takes thrice as long.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import pandas as pd
import pytest
from line import ROOT, Finished, make_workspace, run_thawline
from servers import s3
from session import end_session, start_prefect, start_starter


def pytest_configure(config: pytest.Config) -> None:
    """Where several workers test, start what they share."""
    if config.getoption("numprocesses", None) and not hasattr(config, "workerinput"):
        start_starter()
        start_prefect()


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups in a hook of this name
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one worker do all tests that look at the finished workspace: each worker would make one of its own."""
    for item in items:
        if "finished" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("line"))


def pytest_unconfigure() -> None:
    """End what the tests have shared, in the process that has started it."""
    end_session()


@pytest.fixture(scope="session")
def mails(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a CSV of 300 real mails, half of them spam."""
    frame = pd.read_csv(ROOT / "examples" / "spam" / "mails.csv.xz", keep_default_na=False)
    frame = frame.drop_duplicates("text")
    sample = pd.concat([frame[frame["label"] == label].head(150) for label in ("ham", "spam")])
    path = tmp_path_factory.mktemp("data") / "mails.csv"
    sample.to_csv(path, index=False)
    return path


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, mails: Path) -> Finished:
    """Return a workspace after its first run, which is started as from a shell, with Prefect's temporary server."""
    directory = make_workspace(tmp_path_factory.mktemp("spaces") / "mails", mails)
    return Finished(directory, run_thawline("run", cwd=directory, by_itself=True))


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """Return the address of an S3 of our own, without buckets yet."""
    with s3() as address:
        yield address
