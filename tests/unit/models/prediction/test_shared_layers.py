import shutil
from pathlib import Path

import numpy as np
import pytest
import torch

from models.activations.budget import list_stored
from models.activations.prefix import canonical_blocks
from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.encoders.loading import Encoder
from models.inputs.batches import evaluation_batches
from models.inputs.rows import TokenRows
from models.prediction.probabilities import BATCH_SIZE
from models.prediction.shared_layers import FrozenLayers, name_layers, predict_together
from models.training.loop import predict_probabilities
from models.training.phases import apply_phase
from tests.unit.models.conftest import CONFIGS, make_classifier, phase


def change(classifier: Classifier, group: str) -> Classifier:
    """Give a group other weights."""
    apply_phase(classifier, phase(group, "head"))
    (changed,) = (each for each in classifier.layer_groups() if each.name == group)
    with torch.no_grad():
        for parameter in changed.parameters:
            parameter.add_(torch.randn_like(parameter) / 10)
    return classifier.eval()


def together(classifiers: list[Classifier], rows: TokenRows) -> list[np.ndarray]:
    return predict_together(classifiers, [name_layers(classifier) for classifier in classifiers], rows)


def count_runs(classifiers: list[Classifier], path: str) -> list[str]:
    """Return a list that grows by `path` whenever the module there runs in any of the classifiers."""
    runs: list[str] = []
    for classifier in classifiers:
        classifier.network.get_submodule(path).register_forward_hook(lambda *_: runs.append(path))
    return runs


@pytest.mark.parametrize("pooling", ["mean", "all_layers"])
@pytest.mark.parametrize("name", CONFIGS)
def test_each_answers_as_it_does_alone(encoders: dict[str, Encoder], rows: TokenRows, name: str, pooling: str):
    encoder = encoders[name]
    blocks = [group for group in make_classifier(encoder).groups if group.startswith("block_")]
    classifiers = [
        make_classifier(encoder, pooling=pooling),
        change(make_classifier(encoder, pooling=pooling), blocks[-1]),
        make_classifier(encoder, pooling=pooling, seed=1),
        change(make_classifier(encoder, pooling=pooling), blocks[0]),
        change(make_classifier(encoder, pooling=pooling), "embeddings"),
        make_classifier(encoder, pooling="cls" if pooling == "mean" else "mean"),
    ]
    for classifier, found in zip(classifiers, together(classifiers, rows), strict=True):
        np.testing.assert_allclose(found, predict_probabilities(classifier, rows), atol=1e-6)


def test_what_several_share_runs_once(encoder: Encoder, rows: TokenRows):
    classifiers = [make_classifier(encoder, seed=seed) for seed in (0, 1)]
    classifiers += [change(make_classifier(encoder), "block_2"), change(make_classifier(encoder), "block_1")]
    counts = [count_runs(classifiers, f"encoder.layer.{number}") for number in range(3)]
    together(classifiers, rows)
    num_batches = -(-len(rows) // BATCH_SIZE)
    assert [len(runs) for runs in counts] == [num_batches, 2 * num_batches, 3 * num_batches]


@pytest.mark.parametrize("pooling", ["mean", "all_layers"])
def test_pretrained_layers_are_read_from_the_store(encoder: Encoder, rows: TokenRows, pooling: str, tmp_path: Path):
    def make() -> Classifier:
        return make_classifier(encoder, pooling=pooling)

    classifiers = [make(), change(make(), "block_2"), change(make(), "embeddings")]
    frozen = FrozenLayers(make(), ActivationStore(tmp_path))
    counts = [count_runs([frozen.classifier, *classifiers], f"encoder.layer.{number}") for number in (0, 2)]
    alone = [predict_probabilities(classifier, rows) for classifier in classifiers]
    names = [name_layers(classifier) for classifier in classifiers]
    for passes in (1, 0):  # the second time, all is there
        for runs in counts:
            runs.clear()
        found = predict_together(classifiers, names, rows, frozen)
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)
        num_blocks, num_batches = len(canonical_blocks(rows.padded_lengths)), -(-len(rows) // BATCH_SIZE)
        assert [len(runs) for runs in counts] == [
            passes * num_blocks + num_batches,
            passes * num_blocks + 2 * num_batches,
        ]


def test_a_store_of_another_encoder_is_of_no_use_and_heads_alone_need_no_rows(
    encoder: Encoder, rows: TokenRows, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    classifier = make_classifier(encoder)
    alone, names = predict_probabilities(classifier, rows), [name_layers(classifier)]
    other = FrozenLayers(change(make_classifier(encoder), "embeddings"), ActivationStore(tmp_path / "other"))
    np.testing.assert_array_equal(predict_together([classifier], names, rows, other)[0], alone)
    assert not (tmp_path / "other").exists()
    frozen = FrozenLayers(make_classifier(encoder), ActivationStore(tmp_path / "own"))
    predict_together([classifier], names, rows, frozen)
    monkeypatch.setattr(TokenRows, "batch", None)
    np.testing.assert_allclose(predict_together([classifier], names, rows, frozen)[0], alone, atol=1e-6)


def test_what_would_drive_others_out_of_the_store_is_computed_once_for_all_to_the_same_bits(
    encoder: Encoder, rows: TokenRows, tmp_path: Path
):
    classifiers = [make_classifier(encoder), change(make_classifier(encoder), "block_2")]
    names = [name_layers(classifier) for classifier in classifiers]
    unlimited = FrozenLayers(make_classifier(encoder), ActivationStore(tmp_path))
    expected = predict_together(classifiers, names, rows, unlimited)
    stored = list_stored(tmp_path)
    for share, is_read in ((1.0, True), (0.99, False)):
        budget = int(share * sum(segment.size_bytes for segment in stored))
        shutil.rmtree(tmp_path)
        frozen = FrozenLayers(make_classifier(encoder), ActivationStore(tmp_path, budget_bytes=budget))
        runs = count_runs([frozen.classifier, *classifiers], "encoder.layer.0")
        found = predict_together(classifiers, names, rows, frozen)
        assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))
        assert (len(list_stored(tmp_path)) == len(stored)) is is_read
        batches = evaluation_batches(rows.padded_lengths, np.arange(len(rows)), batch_size=BATCH_SIZE)
        assert is_read or len(runs) == sum(len(canonical_blocks(rows.padded_lengths[batch])) for batch in batches)


def test_names_are_equal_below_what_differs(encoder: Encoder):
    pretrained, other = make_classifier(encoder), change(make_classifier(encoder, seed=1), "block_1")
    names, others = name_layers(pretrained), name_layers(other)
    changed = pretrained.groups.index("block_1")
    assert len(names) == len(pretrained.groups)
    assert names[: changed + 1] == others[: changed + 1]
    assert not set(names[changed + 1 :]) & set(others)
