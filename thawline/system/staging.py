"""Files that come into a directory all together, or not at all."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from thawline.system.files import write_atomically

PREFIX = ".thawline-init-"


@contextmanager
def staging_for(directory: Path) -> Iterator[Path]:
    """Yield a new empty directory on the file system of `directory`, which need not exist; it goes with the block."""
    near = next(place for place in (directory, *directory.parents) if place.is_dir())
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=near) as made:
        staging = Path(made) / directory.name  # the one above is closed to others, and would stay so
        staging.mkdir()
        yield staging


@contextmanager
def moved_in(staging: Path, directory: Path) -> Iterator[None]:
    """Move all of `staging` into `directory`; where the block that looks at it there fails, it goes back again.

    A directory that did not exist comes by one renaming: nobody sees a part of it.

    Raises:
        FileExistsError: A file of that name is there already.
    """
    with ExitStack() as undo:
        _make(directory.parent, undo)
        _move(staging, directory, undo)
        yield
        undo.pop_all()


@contextmanager
def replaced(path: Path, content: bytes) -> Iterator[None]:
    """Let `path` hold `content`; where the block fails, it is again as it was."""
    with ExitStack() as undo:
        if path.exists():
            undo.callback(write_atomically, path, path.read_bytes())
        else:
            undo.callback(path.unlink, missing_ok=True)
        write_atomically(path, content)
        yield
        undo.pop_all()


def _make(directory: Path, undo: ExitStack) -> None:
    missing = [place for place in (directory, *directory.parents) if not place.exists()]
    for place in reversed(missing):
        place.mkdir()
        undo.callback(place.rmdir)


def _move(source: Path, target: Path, undo: ExitStack) -> None:
    if source.is_dir() and target.is_dir():
        for child in sorted(source.iterdir()):
            _move(child, target / child.name, undo)
        return
    if target.exists():
        raise FileExistsError(f"{target} is there already")
    source.rename(target)
    undo.callback(target.rename, source)
