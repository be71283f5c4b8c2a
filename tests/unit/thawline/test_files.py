"""A file is whole or what it was before; a full disk is said with its remedy."""

import errno
from pathlib import Path

import pytest

from thawline import files
from thawline.errors import StorageError
from thawline.files import require_space, write_atomically


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
