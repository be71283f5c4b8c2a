"""A training that was interrupted goes on as if it had not been."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from models.encoders.loading import Encoder
from models.training.checkpoints import Checkpoints
from models.training.journal import Journal
from models.training.loop import train
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import make_classifier, phase
from tests.unit.models.training.test_loop import assert_same_bits, without_seconds

PHASES = [
    phase("head", num_epochs=3, rate=3e-2),
    phase("block_2", "head", num_epochs=2, rate=10.0, patience=1, name="ruin"),
    phase("block_1", "block_2", "head", num_epochs=2),
]


@pytest.fixture
def finished(encoder: Encoder, data: TrainingData, settings: TrainSettings):
    classifier = make_classifier(encoder, dropout=0.2)
    return classifier, without_seconds(list(train(classifier, PHASES, data, settings)))


@pytest.fixture
def run(encoder: Encoder, data: TrainingData, settings: TrainSettings) -> Callable:
    """Return a function that trains a fresh classifier with checkpoints in a directory."""

    def run(directory: Path, phases=PHASES, *, data=data, settings=settings, stop_after: int | None = None):
        classifier = make_classifier(encoder, dropout=0.2)
        records = train(classifier, phases, data, settings, checkpoints=Checkpoints(directory, every_steps=3))
        made = [next(records) for _ in range(stop_after)] if stop_after is not None else list(records)
        return classifier, without_seconds(made)

    return run


def names(directory: Path) -> list[str]:
    return sorted(path.stem for path in directory.glob("*.json"))


def test_checkpoints_do_not_change_a_training(finished, run, tmp_path: Path):
    classifier, records = run(tmp_path)
    assert records == finished[1]
    assert_same_bits(classifier, finished[0])


def test_a_training_goes_on_from_each_of_its_checkpoints_to_the_same_bits(
    finished, run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    snapshots = []
    save = Checkpoints.save

    def save_and_copy(self: Checkpoints, *args: object) -> None:
        save(self, *args)
        snapshots.append(shutil.copytree(self.directory, tmp_path / f"copy-{len(snapshots)}"))

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save_and_copy)
        run(tmp_path / "first")
    within = [name for snapshot in snapshots for name in names(snapshot) if name.endswith("-000003")]
    assert len(snapshots) == 15
    assert {name.split("-")[1] for name in within} == {"00", "01", "02"}
    for snapshot in snapshots:
        classifier, records = run(snapshot)
        assert records == finished[1]
        assert_same_bits(classifier, finished[0])
        assert classifier.first_trained == finished[0].first_trained
        assert classifier.trainable == finished[0].trainable


def test_what_is_done_is_not_trained_again(run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    run(tmp_path)
    monkeypatch.setattr("models.training.epochs.PhaseRun.advance", lambda *_: pytest.fail("trained again"))
    assert len(run(tmp_path)[1]) == 6


def test_a_phase_may_be_added_later(finished, run, tmp_path: Path):
    for num_phases in (1, 2, 3):
        classifier, records = run(tmp_path, PHASES[:num_phases])
    assert records == finished[1]
    assert_same_bits(classifier, finished[0])


def test_fewer_phases_give_their_own_end_and_leave_later_ones_alone(run, tmp_path: Path):
    short, short_records = run(tmp_path / "alone", PHASES[:1])
    run(tmp_path / "all")
    before = names(tmp_path / "all")
    classifier, records = run(tmp_path / "all", PHASES[:1])
    assert records == short_records
    assert_same_bits(classifier, short)
    assert names(tmp_path / "all") == before == ["phase-00-end", "phase-01-end", "phase-02-end"]


def test_a_phase_that_another_trainer_ran_counts_as_done(encoder, data, settings, finished, run, tmp_path: Path):
    classifier = make_classifier(encoder, dropout=0.2)
    journal = Journal(classifier, PHASES[:1], data, settings, Checkpoints(tmp_path))
    journal.records = list(train(classifier, PHASES[:1], data, settings))
    journal.note_end(0, best_of(journal.records))
    trained, records = run(tmp_path)
    assert records == finished[1]
    assert_same_bits(trained, finished[0])


def best_of(records):
    from thawline.scores.metrics import Scores

    record = [record for record in records if record.is_best][-1]
    return Scores(record.inner_loss, 0, 0, 0, record.inner_f1_macro)


@pytest.mark.parametrize("stop_after", [1, 4, 6])
def test_within_a_phase_two_checkpoints_are_kept_and_one_for_each_that_ended(run, tmp_path: Path, stop_after: int):
    run(tmp_path, stop_after=stop_after)
    assert (
        names(tmp_path)
        == {
            1: ["phase-00-0000-000003", "phase-00-0001-000000"],
            4: ["phase-00-end", "phase-01-0000-000003", "phase-01-0001-000000"],
            6: ["phase-00-end", "phase-01-end", "phase-02-0001-000003", "phase-02-0002-000000"],
        }[stop_after]
    )
    assert len(list(tmp_path.iterdir())) == 2 * len(names(tmp_path))


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def alter_scores(path: Path) -> None:
    sealed = json.loads(path.read_text())
    sealed["header"]["content"]["waited"] += 1
    path.write_text(json.dumps(sealed))


@pytest.mark.parametrize(
    ("ending", "damage"),
    [
        ("safetensors", flip),
        ("safetensors", lambda path: path.write_bytes(path.read_bytes()[:-9])),
        ("safetensors", Path.unlink),
        ("json", flip),
        ("json", lambda path: path.write_bytes(b"")),
        ("json", lambda path: path.write_text("[]")),
        ("json", alter_scores),
    ],
    ids=["flipped tensors", "short tensors", "no tensors", "flipped text", "empty text", "other text", "other scores"],
)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(finished, run, tmp_path: Path, caplog, ending, damage):
    run(tmp_path, stop_after=6)
    last = names(tmp_path)[-1]
    damage(tmp_path / f"{last}.{ending}")
    classifier, records = run(tmp_path)
    assert f"Checkpoint {last}" in caplog.text
    assert "is damaged; going back to the one before" in caplog.text
    assert records == finished[1]
    assert_same_bits(classifier, finished[0])


def test_what_a_kill_left_half_written_is_removed(finished, run, tmp_path: Path):
    run(tmp_path, stop_after=5)
    (tmp_path / ".phase-02-0001-000000.json.77.tmp").write_bytes(b"{")
    (tmp_path / "phase-02-0001-000003.safetensors").write_bytes(b"half")
    run(tmp_path, stop_after=5)
    assert len(list(tmp_path.iterdir())) == 2 * len(names(tmp_path))
    assert_same_bits(run(tmp_path)[0], finished[0])


def other_labels(data: TrainingData) -> TrainingData:
    return dataclasses.replace(data, labels=1 - data.labels)


@pytest.mark.parametrize(
    "change",
    [
        lambda given: {"settings": dataclasses.replace(given["settings"], seed=9)},
        lambda given: {"data": other_labels(given["data"])},
        lambda given: {"data": dataclasses.replace(given["data"], train=given["data"].train[:-1])},
        lambda given: {"data": dataclasses.replace(given["data"], inner=None)},
        lambda given: {"phases": [dataclasses.replace(PHASES[0], num_epochs=4), *PHASES[1:]]},
    ],
    ids=["seed", "labels", "training rows", "inner rows", "phase"],
)
def test_a_checkpoint_of_another_training_is_replaced(run, data, settings, tmp_path: Path, change):
    run(tmp_path / "used")
    given = {"phases": PHASES, "data": data, "settings": settings}
    given.update(change(given))
    expected, expected_records = run(tmp_path / "unused", **given)
    classifier, records = run(tmp_path / "used", **given)
    assert records == expected_records
    assert_same_bits(classifier, expected)
    assert names(tmp_path / "used") == names(tmp_path / "unused")


def test_another_head_or_its_weights_make_another_training(encoder, data, settings, tmp_path: Path):
    checkpoints = Checkpoints(tmp_path)
    list(train(make_classifier(encoder), PHASES[:1], data, settings, checkpoints=checkpoints))
    for classifier in (make_classifier(encoder, seed=1), make_classifier(encoder, layers=1)):
        assert Journal(classifier, PHASES[:1], data, settings, checkpoints).resume() == 0
