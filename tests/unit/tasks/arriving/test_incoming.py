"""A file that somebody still writes is not taken, whoever that is."""

import errno
import fcntl
import time
from pathlib import Path

import pytest

from tasks.arriving import incoming
from tasks.arriving.incoming import complete_items
from thawline.workspace import Workspace


@pytest.fixture
def dropped(tmp_path: Path) -> Path:
    """Return a file that was dropped just now."""
    workspace = Workspace(tmp_path)
    workspace.incoming.mkdir(parents=True)
    path = workspace.incoming / "a.csv"
    path.write_text("x")
    return path


@pytest.fixture
def foreign(dropped: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return it as another user's: no lease on it for us."""

    def refuse(_descriptor: int, _command: int, _argument: int) -> int:
        raise OSError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(fcntl, "fcntl", refuse)
    return dropped


def is_taken(path: Path) -> bool:
    return [item.path for item in complete_items(Workspace(path.parents[2]), settle_s=0)] == [path]


def test_our_own_is_taken_once_nobody_has_it_open_for_writing(dropped: Path) -> None:
    with dropped.open("a"):
        assert not is_taken(dropped)
    assert is_taken(dropped)


def test_another_users_is_taken_once_it_was_left_alone_for_long(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_taken(foreign)
    later = time.time() + incoming.FOREIGN_SETTLE_S
    monkeypatch.setattr(time, "time", lambda: later)
    assert is_taken(foreign)


def test_another_users_that_a_process_is_seen_to_write_is_not_taken_however_long_it_is_silent(
    foreign: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "FOREIGN_SETTLE_S", 0)
    with foreign.open("r"):
        assert is_taken(foreign)
    with foreign.open("a"):
        assert not is_taken(foreign)
    assert is_taken(foreign)


def test_where_the_clock_went_back_a_file_does_not_wait_for_it(foreign: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: foreign.stat().st_ctime - 3600)
    assert is_taken(foreign)
