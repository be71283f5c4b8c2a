"""All that computes does so on the device that was chosen, and gives there what it gives on the CPU.

The devices are pretended (`pretended_device.py`), so that no GPU is needed; `pytest -m gpu` takes the real one.
"""

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.activations.partition import describe_space
from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.classifiers.placement import encoder_on, place
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize
from models.hardware.devices import choose_device, choose_to_serve, compute_dtype, resolve
from models.heads.linear import HeadProblem, LinearHead
from models.inputs.augmentation import Augmentation, Change, with_views
from models.inputs.pixel_changes import PixelChange, PixelMix
from models.inputs.rows import Rows
from models.inputs.table_rows import CellChange
from models.inputs.token_changes import TokenChange
from models.prediction.probabilities import predict_probabilities
from models.prediction.shared_layers import FrozenLayers, name_layers, predict_together
from models.tables.table_encoders import fit_encoder
from models.training import lr_range
from models.training.checkpoints import Checkpoints
from models.training.loop import train
from models.training.policies import POLICIES, Phase, PolicySettings, WrittenPhase, plan_phases
from models.training.records import TrainingData, TrainSettings
from tasks.training.first_phases import train_first_phases
from tasks.training.setup import Training
from tests.contract.pretended_device import NAME, TwoDevicesError, pretended
from tests.unit.models.conftest import CONFIGS, make_classifier, make_texts, phase, save_encoder
from tests.unit.models.image_networks import load_network, make_images, make_rows
from tests.unit.models.tables.test_tables import PRETRAINING, TABLE, features
from tests.unit.models.tables.test_tables import labels as table_labels

NUM_ROWS = 32
KINDS = ("text", "image", "norms", "table")
EXACT = {"rtol": 0, "atol": 0}
NEAR = {"rtol": 5e-2, "atol": 5e-2}
"""Of a real GPU, whose precision is another and whose dropout draws other numbers."""
Work = Callable[[str, Path], np.ndarray]
"""Does something on the device of that name, in a directory; returns all the numbers that it gives."""


@dataclasses.dataclass(frozen=True)
class Device:
    """A device that a test runs on, pretended or real."""

    kind: str
    is_real: bool = False

    def there(self, **more: Any) -> AbstractContextManager[Any]:
        return nullcontext() if self.is_real else pretended(self.kind, **more)

    def compare(self, work: Work, directory: Path) -> None:
        """Do it on the CPU and on the device, and compare."""
        expected = work("cpu", directory / "cpu")
        with self.there():
            found = work(self.kind, directory / "device")
        np.testing.assert_allclose(found, expected, **(NEAR if self.is_real else EXACT))


CUDA = pytest.param(Device("cuda"), id="cuda")
REAL = pytest.param(Device("cuda", is_real=True), id="a real one", marks=pytest.mark.gpu)
MPS = pytest.param(Device("mps"), id="mps")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("devices")


@cache
def material(root: Path, kind: str) -> tuple[Encoder, Rows, np.ndarray]:
    """Return an encoder, rows and labels of a kind of data."""
    if kind == "text":
        encoder = load_encoder(str(save_encoder(CONFIGS["bert"](), root / "bert")), root=root)
        texts, labels = make_texts(NUM_ROWS)
        return encoder, tokenize(encoder, texts, max_tokens=8), labels
    if kind == "table":
        *_, encoder = fit_encoder(features(NUM_ROWS), TABLE, PRETRAINING, directory=root / "tables")
        return encoder, encoder.processor.rows(features(NUM_ROWS)), table_labels(features(NUM_ROWS))
    encoder = load_network({"image": "vit", "norms": "test_efficientnet"}[kind], root)
    return encoder, make_rows(encoder, NUM_ROWS), make_images(NUM_ROWS)[1]


def prepare(
    root: Path, kind: str, device: str, *, pooling: str = "all_layers", layers: int = 0, **settings: Any
) -> tuple[Classifier, TrainingData, TrainSettings]:
    encoder, rows, labels = material(root, kind)
    order = np.random.default_rng(1).permutation(NUM_ROWS)
    data = TrainingData(rows, labels, order[:16], order[16:24], order[24:])
    classifier = make_classifier(encoder_on(encoder, choose_device(device)), pooling=pooling, layers=layers)
    return classifier, data, TrainSettings(**{"batch_size": 16, "device": device, **settings})


def numbers(records: Sequence[Any]) -> np.ndarray:
    values = [[each.train_loss, each.inner_loss, each.validation_loss, each.f1_macro] for each in records]
    return np.array(values, dtype=np.float64).ravel()


def schedule(groups: tuple[str, ...]) -> list[Phase]:
    """Return a head's phase, one that starts from stored states, and one of all."""
    few = {"num_epochs": 1}
    return [phase("head", num_epochs=2, rate=1e-2), phase(*groups[-2:], **few), phase(*groups, rate=1e-4, **few)]


def run(root: Path, kind: str, device: str, directory: Path | None, **changes: Any) -> np.ndarray:
    """Train all phases, from a store in a directory or live."""
    classifier, data, settings = prepare(root, kind, device, **changes)
    store = None if directory is None else ActivationStore(directory)
    records = list(train(classifier, schedule(classifier.groups), data, settings, store))
    return np.concatenate([numbers(records), predict_probabilities(classifier, data.rows, data.validation).ravel()])


@pytest.mark.parametrize(
    ("kind", "stored"), [*((kind, True) for kind in KINDS), ("text", False), ("norms", False)], ids=str
)
@pytest.mark.parametrize("device", [CUDA, REAL])
def test_every_phase_gives_what_it_gives_on_the_cpu(
    root: Path, tmp_path: Path, kind: str, stored: bool, device: Device
) -> None:
    device.compare(lambda name, home: run(root, kind, name, home if stored else None), tmp_path)


SETTINGS: dict[str, dict[str, Any]] = {
    "cls, class weights": {"pooling": "cls", "class_weights": "balanced", "label_smoothing": 0.1},
    "mean, balanced, in parts": {"pooling": "mean", "sampling": "balanced", "accumulation_steps": 2, "batch_size": 4},
    "focal loss, ema": {"loss": "focal", "averaging": "ema", "layers": 1},
    "swa, macro-F1": {"averaging": "swa", "monitor": "f1_macro"},
}


@pytest.mark.parametrize("changes", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("device", [CUDA, MPS, REAL])
def test_every_way_to_train_gives_what_it_gives_on_the_cpu(
    root: Path, tmp_path: Path, changes: dict[str, Any], device: Device
) -> None:
    device.compare(lambda name, home: run(root, "text", name, home, **changes), tmp_path)


def solve(training: Training) -> LinearHead:
    problem = HeadProblem(training.pooled_vectors(), training.data.labels, training.classifier.num_classes)
    return problem.solve(training.data.train, 0.1)


@pytest.mark.parametrize("policy", sorted(POLICIES))
@pytest.mark.parametrize("device", [CUDA, REAL])
def test_every_policy_runs_heads_of_folds_together_and_each_fold_on(
    root: Path, tmp_path: Path, policy: str, device: Device
) -> None:
    def work(name: str, home: Path) -> np.ndarray:
        written = (WrittenPhase("top", {"head": 1e-2, "block_2": 1e-3}, num_epochs=1),)
        plan = PolicySettings(head_epochs=2, num_epochs=2, max_unfrozen_groups=1, phases=written)
        trainings = []
        for fold, layers in enumerate((0, 1, 1)):  # one head is solved for, two are trained in one pass
            classifier, data, settings = prepare(root, "text", name, layers=layers, class_weights="balanced", seed=fold)
            phases = plan_phases(policy, classifier.groups, plan)[:2]
            encoder, store, kept = material(root, "text")[0], ActivationStore(home), Checkpoints(home / str(fold))
            trainings.append(Training(encoder, classifier, phases, data, settings, store, kept))
        train_first_phases(trainings, [partial(solve, each) for each in trainings], description="heads")
        return np.concatenate([numbers(list(each.run())) for each in trainings])

    device.compare(work, tmp_path)


CHANGES: dict[str, tuple[Change, PixelMix | None]] = {
    "text": (TokenChange(dropout=0.3, swap=0.3), None),
    "image": (PixelChange(min_crop=0.5, flip=0.5), PixelMix(mixup_alpha=0.4, cutmix_alpha=0.4)),
    "table": (CellChange(0.3), None),
}


@pytest.mark.parametrize("kind", CHANGES)
@pytest.mark.parametrize("device", [CUDA, REAL])
def test_changed_rows_weights_and_a_test_of_rates_meet_on_the_device(
    root: Path, tmp_path: Path, kind: str, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lr_range, "NUM_STEPS", 3)

    def work(name: str, home: Path) -> np.ndarray:
        classifier, data, settings = prepare(root, kind, name)
        change, mix = CHANGES[kind]
        views = with_views(change, data.rows, data.train, donors=data.train, num_views=1)
        given = dataclasses.replace(
            data,
            augment=Augmentation(change, mix),
            views=views,
            weights=np.linspace(0.5, 1, NUM_ROWS, dtype=np.float32),
        )
        records = list(train(classifier, schedule(classifier.groups), given, settings, ActivationStore(home)))
        if kind != "text":
            return numbers(records)
        curves = lr_range.find_rates(prepare(root, kind, name)[0], schedule(classifier.groups)[:2], given, settings)
        return np.concatenate([numbers(records), *(curve.losses[:5] for curve in curves)])

    device.compare(work, tmp_path)


@pytest.mark.parametrize("device", [CUDA, MPS, REAL])
def test_a_training_that_was_killed_goes_on_on_the_device(root: Path, tmp_path: Path, device: Device) -> None:
    def work(name: str, home: Path) -> np.ndarray:
        records: list[Any] = []
        for stop in (2, 9):  # the first one is killed after its second epoch
            classifier, data, settings = prepare(root, "text", name, averaging="ema", batch_size=8)
            kept = Checkpoints(home / "kept", every_steps=1)
            going = train(classifier, schedule(classifier.groups)[:2], data, settings, checkpoints=kept)
            records = [record for record, _ in zip(going, range(stop), strict=False)]
            going.close()
        return numbers(records)

    device.compare(work, tmp_path)


@pytest.mark.parametrize("kind", ["text", "norms"])
@pytest.mark.parametrize("device", [CUDA, REAL])
def test_models_that_share_layers_answer_together_on_the_device(
    root: Path, tmp_path: Path, kind: str, device: Device
) -> None:
    def work(name: str, home: Path) -> np.ndarray:
        models = [prepare(root, kind, name)[0] for _ in range(2)]
        _, data, settings = prepare(root, kind, name)
        top = [phase(*models[1].groups[-2:], num_epochs=1)]
        list(train(models[1], top, data, settings))
        frozen = FrozenLayers(prepare(root, kind, name)[0], ActivationStore(home))
        return np.concatenate(predict_together(models, [name_layers(each) for each in models], data.rows, frozen))

    device.compare(work, tmp_path)


@pytest.mark.parametrize("device", [CUDA, MPS, REAL])
def test_a_tables_encoder_is_pretrained_on_the_device(tmp_path: Path, device: Device) -> None:
    def work(name: str, home: Path) -> np.ndarray:
        *records, encoder = fit_encoder(
            features(NUM_ROWS), TABLE, PRETRAINING, directory=home, device=choose_device(name)
        )
        assert {parameter.device.type for parameter in encoder.network.parameters()} == {"cpu"}
        weights = [parameter.flatten() for parameter in encoder.network.parameters()]
        losses = [value for record in records for value in (record.reconstruction, record.contrast)]
        return np.concatenate([losses, torch.cat(weights).numpy()])

    device.compare(work, tmp_path)


def test_pretraining_computes_where_it_is_told_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = set()
    real = torch.nn.functional.layer_norm

    def watched(given: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        seen.add(given.device.type)
        return real(given, *args, **kwargs)

    monkeypatch.setattr(torch.nn.functional, "layer_norm", watched)
    with pretended("cuda"):
        training = fit_encoder(features(NUM_ROWS), TABLE, PRETRAINING, directory=tmp_path, device=torch.device("cuda"))
        next(iter(training))
    assert seen == {"cuda"}


def test_in_bfloat16_all_phases_run_and_logits_are_float32(root: Path, tmp_path: Path) -> None:
    with pretended("cuda", bfloat16=True):
        assert compute_dtype(choose_device("auto")) == torch.bfloat16
        assert np.isfinite(run(root, "text", "cuda", tmp_path)).all()
        classifier, data, _ = prepare(root, "text", "cuda")
        with torch.autocast("cuda", torch.bfloat16), torch.inference_mode():
            batch = {key: tensor.to("cuda") for key, tensor in data.rows.batch(np.arange(3)).items()}
            assert classifier(batch).dtype == torch.float32


def test_a_gpu_that_emulates_bfloat16_computes_in_float32() -> None:
    with pretended("cuda", emulates=True):
        assert torch.cuda.is_bf16_supported()
        assert compute_dtype(torch.device("cuda")) == torch.float32


def test_the_encoder_is_not_moved_under_classifiers_on_another_device(root: Path) -> None:
    encoder, rows, _ = material(root, "text")
    batch = rows.batch(np.arange(2))

    def answer(classifier: Classifier) -> torch.Tensor:
        with torch.inference_mode():
            return classifier({key: tensor.to(classifier.device) for key, tensor in batch.items()}).cpu()

    with pretended("cuda", count=2):
        on_cpu = make_classifier(encoder)
        first, second = (place(make_classifier(encoder), torch.device("cuda", number)) for number in (0, 1))
        expected = answer(on_cpu)
        assert [str(each.device) for each in (on_cpu, first, second)] == ["cpu", "cuda:0", "cuda:1"]
        for each in (first, second):
            torch.testing.assert_close(answer(each), expected, **EXACT)


def test_classifiers_on_one_device_share_one_copy_of_the_encoder(root: Path) -> None:
    encoder, _, _ = material(root, "text")
    with pretended("cuda"):
        one, other = (make_classifier(encoder_on(encoder, torch.device("cuda"))) for _ in range(2))
        place(one, torch.device("cuda"))
        for mine, yours in zip(one.network.parameters(), other.network.parameters(), strict=True):
            assert mine is yours
        assert {parameter.device.type for parameter in encoder.network.parameters()} == {"cpu"}


def test_stored_states_are_those_of_one_model_of_gpu(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder, _, _ = material(root, "text")

    def space(device: str) -> dict[str, Any]:
        classifier = make_classifier(encoder_on(encoder, choose_device(device)))
        return dict(describe_space(classifier, classifier.head_place, "float32"))

    assert "gpu" not in space("cpu")
    with pretended("cuda"):
        assert space("cuda")["gpu"] == NAME
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device: "another GPU")
        assert space("cuda")["gpu"] == "another GPU"


@pytest.mark.parametrize(("difference", "is_kept"), [(0.02, True), (0.5, False)])
def test_the_canary_of_a_gpu_allows_what_its_precision_allows(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, difference: float, is_kept: bool
) -> None:
    with pretended("cuda", bfloat16=True):
        classifier, data, _ = prepare(root, "text", "cuda")
        ActivationStore(tmp_path).fill(classifier, data.rows, [classifier.pooled_boundary])
        real = classifier.capture

        def off(places: Any, batch: Any, **more: Any) -> Any:
            return {key: value + difference for key, value in real(places, batch, **more).items()}

        monkeypatch.setattr(classifier, "capture", off)
        assert ActivationStore(tmp_path).holds(classifier, data.rows, classifier.pooled_boundary) == is_kept


@pytest.mark.parametrize(("rank", "device"), [("0", "cuda:0"), ("1", "cuda:1"), (None, "cuda:0")])
def test_each_of_several_processes_has_a_gpu_of_its_own(
    monkeypatch: pytest.MonkeyPatch, rank: str | None, device: str
) -> None:
    for name, value in (("WORLD_SIZE", "2"), ("LOCAL_RANK", rank)):
        monkeypatch.setenv(name, value) if rank is not None else monkeypatch.delenv(name, raising=False)
    with pretended("cuda", count=2):
        assert {str(resolve(choose_device(name))) for name in ("cuda", "auto")} == {device}


@pytest.mark.parametrize(
    ("name", "kind", "device"), [("cuda", "mps", "mps"), ("cpu", "cuda", "cpu"), ("mps", "", "cpu")]
)
def test_a_model_answers_where_it_was_trained_or_on_what_there_is(name: str, kind: str, device: str) -> None:
    with pretended(kind) if kind else nullcontext():
        assert choose_to_serve(name).type == device


def test_two_devices_that_meet_are_refused_as_a_gpu_refuses_them() -> None:
    """What the pretended device is for: should it let these pass, the tests above would mean nothing."""
    with pretended("cuda", count=2):
        there, here, other = torch.ones(3, device="cuda"), torch.ones(3), torch.ones(3, device="cuda:1")
        numbers_there = torch.zeros(2, dtype=torch.long, device="cuda")
        meetings: list[Callable[[], object]] = [
            lambda: there + here,
            lambda: there @ here,
            lambda: there + other,
            lambda: torch.cat([there, here]),
            lambda: torch.stack([there[0], torch.tensor(1.0)]),
            lambda: here[numbers_there],
            lambda: torch.nn.functional.cross_entropy(there[None], torch.zeros(1, dtype=torch.long)),
            lambda: torch.nn.Linear(3, 2)(there),
            lambda: there.lerp_(here, 0.5),
        ]
        for meeting in meetings:
            with pytest.raises(TwoDevicesError):
                meeting()
        for read in (there.numpy, partial(np.asarray, there)):
            with pytest.raises(TypeError, match=r"Use Tensor\.cpu\(\) first"):
                read()
        assert (there + torch.tensor(1.0)).device == there[np.array([0])].device == torch.device("cuda:0")
        assert there.copy_(here).device.type == "cuda"
        assert there.cpu().numpy().tolist() == [1, 1, 1]
    with pretended("mps"), pytest.raises(TypeError, match="float64"):
        torch.ones(3, device="mps").double()


def test_the_pretended_device_is_gone_afterwards() -> None:
    with pretended("cuda"):
        there = torch.ones(2, device="cuda")
    assert there.device.type == torch.ones(2).device.type == "cpu"
    assert choose_device("cpu").type == "cpu"
    assert torch.Tensor.__dict__.get("device") is None
