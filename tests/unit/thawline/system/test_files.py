"""A file is whole or what it was before; a full disk is said with its remedy."""

import errno
import os
from pathlib import Path

import pytest

from thawline.errors import StorageError
from thawline.system import files
from thawline.system.files import free_path, move_lastingly, require_space, write_atomically, write_lastingly


@pytest.mark.parametrize(
    ("code", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EACCES, "give this user the right"), (errno.EROFS, "mount it writable")],
    ids=["disk full", "no permission", "read-only"],
)
def test_a_failed_write_keeps_the_old_file_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, remedy: str
) -> None:
    target = tmp_path / "file"
    write_atomically(target, b"old")

    def fail(self: Path, content: bytes) -> int:
        self.touch()
        raise OSError(code, "simulated", str(self))

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(StorageError, match=remedy):
        write_atomically(target, b"new")
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_disk_without_room_is_said_before_anything_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_space(tmp_path / "state")
    assert list((tmp_path / "state").iterdir()) == []
    monkeypatch.setattr(files, "MIN_FREE_BYTES", 2**62)
    with pytest.raises(StorageError, match="disk is full"):
        require_space(tmp_path / "state")


def test_what_must_last_is_on_the_disk_before_its_name_is_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    sync, replace = os.fsync, Path.replace

    def note_sync(descriptor: int) -> None:
        done.append(f"sync {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        sync(descriptor)

    def note_replace(self: Path, target: Path) -> Path:
        done.append(f"{target.name} appears")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", note_sync)
    monkeypatch.setattr(Path, "replace", note_replace)
    write_lastingly(tmp_path / "record", b"x")
    assert done == [f"sync .record.{os.getpid()}.tmp", "record appears", f"sync {tmp_path.name}"]
    done.clear()
    write_atomically(tmp_path / "cache", b"x")
    assert done == ["cache appears"]


@pytest.fixture
def two_volumes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """Return two directories between which no file can be renamed."""
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    replace = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if self.parent != target.parent:
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    return here, there


def test_a_file_moves_to_another_volume(two_volumes: tuple[Path, Path]) -> None:
    here, there = two_volumes
    (here / "a").write_bytes(b"x")
    (here / "link").symlink_to("nowhere")
    move_lastingly(here / "a", there / "b")
    move_lastingly(here / "link", there / "link")
    assert (there / "b").read_bytes() == b"x"
    assert (there / "link").readlink() == Path("nowhere")
    assert list(here.iterdir()) == []
    assert sorted(path.name for path in there.iterdir()) == ["b", "link"]


def test_a_move_to_a_full_volume_leaves_the_file_where_it_was(
    two_volumes: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = two_volumes
    (here / "a").write_bytes(b"x")

    def fail(_source: Path, target: Path, **_: bool) -> None:
        target.write_bytes(b"")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.shutil, "copyfile", fail)
    with pytest.raises(OSError, match="No space"):
        move_lastingly(here / "a", there / "a")
    assert (here / "a").read_bytes() == b"x"
    assert list(there.iterdir()) == []


def test_a_free_path_is_one_where_nothing_lies_not_even_a_broken_link(tmp_path: Path) -> None:
    assert free_path(tmp_path / "a") == tmp_path / "a"
    (tmp_path / "a").write_text("")
    (tmp_path / "2-a").symlink_to("nowhere")
    assert free_path(tmp_path / "a") == tmp_path / "3-a"
