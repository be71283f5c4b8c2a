"""What the store may promise: right, shared, and never trusted blindly."""

import dataclasses
import errno
import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from session import programs

import models.activations.prefix
import models.activations.segments
from models.activations.prefix import LiveActivations
from models.activations.segments import remove_segment
from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize
from models.inputs.rows import TokenRows
from models.training.phases import apply_phase
from tests.unit.models.conftest import CONFIGS, make_classifier, make_texts, phase, save_encoder
from thawline.errors import LayerGroupError, ParamsError, StorageError
from thawline.system.files import MIN_FREE_BYTES

POOLED = 4


@pytest.fixture
def store(tmp_path: Path) -> ActivationStore:
    return ActivationStore(tmp_path / "activations")


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of rows in each block that a store computes, canaries (one block each) included."""
    counts: list[int] = []

    def counting(classifier, rows, block, places, **given):
        counts.append(len(block))
        return original(classifier, rows, block, places, **given)

    original = models.activations.prefix.compute_states
    monkeypatch.setattr("models.activations.streamed.compute_states", counting)
    monkeypatch.setattr("models.activations.canary.compute_states", counting)
    return counts


def live(classifier: Classifier, rows: TokenRows, boundary: int) -> torch.Tensor:
    return LiveActivations(classifier, rows, classifier.places_at(boundary)[0]).batch(np.arange(len(rows)), 24)


def stored(store: ActivationStore, classifier: Classifier, rows: TokenRows, boundary: int) -> torch.Tensor:
    return store.open(classifier, rows, boundary).batch(np.arange(len(rows)), 24)


def segments(store: ActivationStore) -> list[Path]:
    return sorted(path.parent for path in store.directory.glob("*/*/manifest.json"))


@pytest.mark.parametrize("boundary", [1, 2, 3, POOLED])
@pytest.mark.parametrize("name", CONFIGS)
def test_stored_states_equal_live_ones_to_the_bit(
    store: ActivationStore, encoders: dict[str, Encoder], rows: TokenRows, name: str, boundary: int
):
    classifier = make_classifier(encoders[name])
    assert torch.equal(stored(store, classifier, rows, boundary), live(classifier, rows, boundary))


def test_states_are_those_of_the_plain_forward_pass(store: ActivationStore, classifier: Classifier, rows: TokenRows):
    batch = rows.batch(np.arange(len(rows)))
    with torch.inference_mode():
        hidden = classifier.network(**batch).last_hidden_state * batch["attention_mask"][..., None]
    mean = hidden.sum(dim=1) / batch["attention_mask"].sum(dim=1, keepdim=True)
    torch.testing.assert_close(stored(store, classifier, rows, POOLED), mean, rtol=1e-5, atol=1e-6)


def test_nothing_is_computed_twice(
    store: ActivationStore, classifier: Classifier, encoder: Encoder, rows: TokenRows, computed: list[int]
):
    store.fill(classifier, rows, (2, 3, POOLED))
    assert sum(computed) == len(set(rows.keys))
    computed.clear()
    for seed in range(3):
        store.fill(make_classifier(encoder, seed=seed), rows, (2, 3, POOLED))
    assert computed == []


def test_a_new_process_computes_only_canaries(
    store: ActivationStore, classifier: Classifier, rows: TokenRows, computed: list[int]
):
    store.fill(classifier, rows, (3, POOLED))
    computed.clear()
    fresh = ActivationStore(store.directory)
    assert torch.equal(stored(fresh, classifier, rows, 3), live(classifier, rows, 3))
    assert torch.equal(stored(fresh, classifier, rows, POOLED), live(classifier, rows, POOLED))
    assert len(computed) == 2
    assert max(computed) <= 3


def test_new_rows_compute_only_themselves_and_states_do_not_depend_on_history(
    tmp_path: Path, classifier: Classifier, encoder: Encoder, rows: TokenRows, computed: list[int]
):
    texts = make_texts(90)[0]
    grown = ActivationStore(tmp_path / "grown")
    grown.fill(classifier, tokenize(encoder, texts[:50], max_tokens=24), (3,))
    computed.clear()
    grown.fill(classifier, rows, (3,))
    assert sum(computed) == len(set(rows.keys) - set(rows.keys[:50]))
    whole = stored(ActivationStore(tmp_path / "whole"), classifier, rows, 3)
    assert torch.equal(stored(grown, classifier, rows, 3), whole)
    assert len(segments(grown)) == 2


def test_repeated_content_is_stored_once(store: ActivationStore, classifier: Classifier, encoder: Encoder):
    rows = tokenize(encoder, ["w1 w2", "w3", "w1 w2"], max_tokens=24)
    states = stored(store, classifier, rows, POOLED)
    assert torch.equal(states[0], states[2])
    assert len(np.load(segments(store)[0] / "states.npy")) == 2


def test_a_boundary_is_computed_from_the_nearest_stored_one(
    store: ActivationStore, classifier: Classifier, rows: TokenRows, monkeypatch: pytest.MonkeyPatch
):
    store.fill(classifier, rows, (1, 2))
    starts = []
    original = models.activations.prefix.compute_states

    def watching(*args, start=None, **given):
        starts.append(start and start.boundary)
        return original(*args, start=start, **given)

    monkeypatch.setattr("models.activations.streamed.compute_states", watching)
    assert torch.equal(stored(store, classifier, rows, 3), live(classifier, rows, 3))
    assert set(starts) == {2}


def test_float16_halves_the_file_and_stays_within_a_thousandth(tmp_path: Path, classifier: Classifier, rows: TokenRows):
    store = ActivationStore(tmp_path, dtype="float16")
    states = stored(store, classifier, rows, 3)
    assert states.dtype == torch.float32
    torch.testing.assert_close(states, live(classifier, rows, 3), rtol=1e-3, atol=1e-3)
    assert np.load(segments(store)[0] / "states.npy").dtype == np.float16


def test_the_error_of_rounded_states_is_said_and_states_that_do_not_fit_are_refused(
    tmp_path: Path, classifier, rows, caplog
):
    caplog.set_level("INFO")
    ActivationStore(tmp_path, dtype="float16").fill(classifier, rows, {2})
    said = float(re.search(r"Stored in float16: what is read back is off by ([\d.]+) % of its size", caplog.text)[1])
    assert 0 < said < 0.1
    classifier.unfreeze(["embeddings", "head"])
    with torch.no_grad():
        classifier.network.embeddings.LayerNorm.weight.fill_(1e6)
    with pytest.raises(ParamsError, match=r"can't hold states of .*e\+06, at most 6.55e\+04 fits; set it to float32"):
        ActivationStore(tmp_path, dtype="float16").fill(classifier, rows, {1})


def test_other_weights_settings_or_boundaries_have_their_own_states(
    store: ActivationStore, tmp_path: Path, classifier: Classifier, rows: TokenRows
):
    config = CONFIGS["bert"]()
    other = load_encoder(str(save_encoder(config, tmp_path / "other", seed=1)), root=tmp_path)
    config.hidden_act = "relu"
    config.save_pretrained(tmp_path / "other")
    same_weights = load_encoder(str(tmp_path / "other"), root=tmp_path)
    assert same_weights.weights_hash == other.weights_hash
    for model in (classifier, make_classifier(other), make_classifier(same_weights)):
        assert torch.equal(stored(store, model, rows, POOLED), live(model, rows, POOLED))
    classifier.pooling = "cls"
    assert torch.equal(stored(store, classifier, rows, POOLED), live(classifier, rows, POOLED))
    assert len(segments(store)) == 4


def flip_a_bit(segment: Path) -> None:
    with (segment / "states.npy").open("r+b") as stream:
        stream.seek(-5, os.SEEK_END)
        byte = stream.read(1)[0]
        stream.seek(-1, os.SEEK_CUR)
        stream.write(bytes([byte ^ 1]))


def cut(segment: Path) -> None:
    os.truncate(segment / "states.npy", (segment / "states.npy").stat().st_size // 2)


def lose_the_manifest(segment: Path) -> None:
    (segment / "manifest.json").unlink()


def garble_the_manifest(segment: Path) -> None:
    (segment / "manifest.json").write_text('{"space": ')


def put_in_false_states(segment: Path) -> None:
    """Replace states by others, with sums that fit: what only the canary can notice."""
    states = np.load(segment / "states.npy")
    np.save(segment / "states.npy", states[::-1].copy())
    manifest = json.loads((segment / "manifest.json").read_text())
    manifest["files"]["states.npy"]["crc32"] = models.activations.segments._crc32(segment / "states.npy")
    (segment / "manifest.json").write_text(json.dumps(manifest))


def put_in_another_space(segment: Path) -> None:
    manifest = json.loads((segment / "manifest.json").read_text())
    manifest["space"]["weights"] = "0" * 64
    (segment / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage",
    [flip_a_bit, cut, lose_the_manifest, garble_the_manifest, put_in_false_states, put_in_another_space],
    ids=lambda damage: damage.__name__,
)
@pytest.mark.parametrize("boundary", [3, POOLED])
def test_a_damaged_store_is_noticed_and_rebuilt(
    store: ActivationStore,
    classifier: Classifier,
    rows: TokenRows,
    damage,
    boundary: int,
    caplog: pytest.LogCaptureFixture,
):
    store.fill(classifier, rows, (boundary,))
    damage(segments(store)[0])
    again = stored(ActivationStore(store.directory), classifier, rows, boundary)
    assert torch.equal(again, live(classifier, rows, boundary))
    assert "computed again" in caplog.text
    caplog.clear()
    stored(ActivationStore(store.directory), classifier, rows, boundary)
    assert caplog.text == ""


def test_an_interrupted_fill_leaves_nothing_that_is_used(
    store: ActivationStore, classifier: Classifier, rows: TokenRows
):
    def stop(blocks):
        yield blocks[0]
        raise InterruptedError

    broken = ActivationStore(store.directory, progress=stop)
    with pytest.raises(InterruptedError):
        broken.fill(classifier, rows, (3, POOLED))
    assert [path for path in store.directory.rglob("*") if path.is_file() and path.suffix != ".lock"] == []
    assert not store.holds(classifier, rows, 3)
    assert torch.equal(stored(store, classifier, rows, 3), live(classifier, rows, 3))


def test_what_a_killed_fill_left_is_ignored_and_removed_a_day_later(
    store: ActivationStore, classifier: Classifier, rows: TokenRows
):
    store.fill(classifier, rows, (3,))
    (segment,) = segments(store)
    leftover = segment.with_name(".filling-killed")
    segment.rename(leftover)
    fresh = ActivationStore(store.directory)
    assert not fresh.holds(classifier, rows, 3)
    fresh.fill(classifier, rows, (3,))
    assert leftover.exists()
    shutil.rmtree(segment)
    long_ago = time.time() - 25 * 3600
    os.utime(leftover, (long_ago, long_ago))
    ActivationStore(store.directory).fill(classifier, rows, (3,))
    assert not leftover.exists()


FILL = """
import sys, time
from pathlib import Path
import torch
from models.classifiers.classifier import HeadSpec, build_classifier
from models.encoders.loading import load_encoder
from models.encoders.tokenizing import tokenize
from models.activations.segments import remove_segment
from models.activations.store import ActivationStore

torch.set_num_threads(1)
encoder_directory, store_directory, texts, me, other = map(Path, sys.argv[1:])
encoder = load_encoder(str(encoder_directory), root=encoder_directory)
classifier = build_classifier(encoder, num_classes=2, head=HeadSpec(), pooling="mean", seed=0)
rows = tokenize(encoder, texts.read_text().splitlines(), max_tokens=24)
me.touch()
while not other.exists():
    time.sleep(0.001)
ActivationStore(store_directory).fill(classifier, rows, (3, 4))
"""


@pytest.mark.slow
def test_two_processes_that_fill_at_once_leave_one_sound_result(
    tmp_path: Path, store: ActivationStore, computed: list[int], rows: TokenRows
):
    directory = save_encoder(CONFIGS["bert"](), tmp_path / "encoder")
    texts, ready = tmp_path / "texts", (tmp_path / "first", tmp_path / "second")
    texts.write_text("\n".join(make_texts(90)[0]))
    processes = [
        subprocess.Popen([programs() / "python", "-c", FILL, directory, store.directory, texts, me, other])
        for me, other in (ready, ready[::-1])
    ]
    assert [process.wait(120) for process in processes] == [0, 0]
    assert len(segments(store)) == 2
    classifier = make_classifier(load_encoder(str(directory), root=tmp_path))
    assert torch.equal(stored(store, classifier, rows, 3), live(classifier, rows, 3))
    assert len(computed) == 1
    assert computed[0] <= 3  # the canary


def test_without_a_lock_the_first_of_two_equal_segments_stays(
    store: ActivationStore, classifier: Classifier, rows: TokenRows
):
    other = ActivationStore(store.directory)
    missing = other._missing(classifier, rows, classifier.places_at(3))
    store.fill(classifier, rows, (3,))
    (segment,) = segments(store)
    written = (segment / "states.npy").stat().st_mtime_ns
    other._compute(classifier, rows, missing)
    assert [path.name for path in segment.parent.iterdir()] == [segment.name]
    assert (segment / "states.npy").stat().st_mtime_ns == written


def test_states_above_a_trained_group_are_never_shared(store: ActivationStore, classifier: Classifier, rows: TokenRows):
    store.fill(classifier, rows, (2, 3))
    classifier.first_trained = 2
    assert store.holds(classifier, rows, 2)
    assert not store.holds(classifier, rows, 3)
    with pytest.raises(LayerGroupError, match=r"group 'block_1' has been trained, so states at boundary 3 above it"):
        store.fill(classifier, rows, (3,))


def test_a_boundary_that_the_model_cannot_run_from_is_refused(store: ActivationStore, classifier, rows):
    classifier.structure = dataclasses.replace(classifier.structure, splits=frozenset())
    with pytest.raises(LayerGroupError, match="the model can't run from boundary 2; train without the store there"):
        store.open(classifier, rows, 2)
    store.open(classifier, rows, POOLED)


def test_filling_leaves_mode_and_flags_as_they_were(store: ActivationStore, classifier: Classifier, rows: TokenRows):
    apply_phase(classifier, phase("block_2", "head"))
    classifier.train()
    modes = [module.training for module in classifier.modules()]
    store.fill(classifier, rows, (3,))
    assert [module.training for module in classifier.modules()] == modes


def test_a_full_disk_is_told_and_leaves_nothing(
    store: ActivationStore, classifier: Classifier, rows: TokenRows, monkeypatch: pytest.MonkeyPatch
):
    def no_space(*_args: object, **_kwargs: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "states.npy")

    with monkeypatch.context() as patch:
        patch.setattr(np.lib.format, "write_array_header_1_0", no_space)
        with pytest.raises(StorageError, match=r"can't write states.npy: the disk is full"):
            store.fill(classifier, rows, (3,))
    assert not list(store.directory.glob("*/*"))
    store.fill(classifier, rows, (3,))


def test_too_full_a_disk_is_told_before_anything_is_computed(
    store: ActivationStore, classifier: Classifier, rows: TokenRows, monkeypatch: pytest.MonkeyPatch
):
    usage = shutil.disk_usage(store.directory.parent)
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage._replace(free=MIN_FREE_BYTES + 1000))
    monkeypatch.setattr("models.activations.streamed.compute_states", None)
    with pytest.raises(StorageError, match=r"below block_2 take 0\.\d\d GB, and 0.00 GB are free in .*store.budget_gb"):
        store.fill(classifier, rows, (3,))


def test_progress_sees_every_block(tmp_path: Path, classifier: Classifier, rows: TokenRows):
    seen = []

    def progress(blocks):
        for block in blocks:
            seen.append(len(block))
            yield block

    ActivationStore(tmp_path, progress=progress).fill(classifier, rows, (POOLED,))
    assert sum(seen) == len(set(rows.keys))


def test_what_another_removes_or_writes_anew_is_noticed_while_the_store_is_open(
    store: ActivationStore,
    classifier: Classifier,
    rows: TokenRows,
    computed: list[int],
    caplog: pytest.LogCaptureFixture,
):
    store.fill(classifier, rows, (3,))
    computed.clear()
    store.fill(classifier, rows, (3,))
    assert computed == []  # proved once
    remove_segment(segments(store)[0])
    assert not store.holds(classifier, rows, 3)
    store.fill(classifier, rows, (3,))
    assert sum(computed) == len(set(rows.keys))
    put_in_false_states(segments(store)[0])
    assert torch.equal(stored(store, classifier, rows, 3), live(classifier, rows, 3))
    assert "computed again" in caplog.text


def test_a_place_whose_first_block_is_stored_already_gets_the_states_of_its_own_rows(
    store: ActivationStore, classifier: Classifier, rows: TokenRows
):
    shortest = np.flatnonzero(rows.padded_lengths == rows.padded_lengths.min())
    known = rows.replaced([rows.tokens(int(i)) for i in shortest], [str(i) for i in shortest])
    store.fill(classifier, known, (POOLED,))
    store.fill(classifier, rows, (POOLED - 2, POOLED))  # in one pass, of whose first block no vector is missing
    assert torch.equal(stored(store, classifier, rows, POOLED), live(classifier, rows, POOLED))
