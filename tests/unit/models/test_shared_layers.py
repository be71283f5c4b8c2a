import numpy as np
import pytest
import torch

from models.classifier import Classifier
from models.encoders import Encoder
from models.phases import apply_phase
from models.prediction import BATCH_SIZE
from models.rows import TokenRows
from models.shared_layers import name_layers, predict_together
from models.training import predict_probabilities
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


def test_names_are_equal_below_what_differs(encoder: Encoder):
    pretrained, other = make_classifier(encoder), change(make_classifier(encoder, seed=1), "block_1")
    names, others = name_layers(pretrained), name_layers(other)
    changed = pretrained.groups.index("block_1")
    assert len(names) == len(pretrained.groups)
    assert names[: changed + 1] == others[: changed + 1]
    assert not set(names[changed + 1 :]) & set(others)
