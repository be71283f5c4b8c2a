"""Applying phases: what trains, what stands still."""

import pytest
import torch
from torch import nn

from models.classifiers.classifier import Classifier
from models.encoders.loading import Encoder
from models.hardware.memory import free_bytes
from models.inputs.rows import TokenRows
from models.training.phases import apply_phase, optimizer_groups
from tests.unit.models.conftest import phase, places
from thawline.errors import PolicyError


def test_exactly_the_named_groups_take_gradients(classifier: Classifier):
    apply_phase(classifier, phase("block_1", "head"))
    apply_phase(classifier, phase("block_2", "head"))
    trainable = {name for name, parameter in classifier.named_parameters() if parameter.requires_grad}
    assert trainable == {name for name, _ in classifier.named_parameters() if "layer.2." in name or "head." in name}


def test_frozen_groups_have_no_dropout_even_in_training_mode(classifier: Classifier, rows: TokenRows):
    apply_phase(classifier, phase("block_2", "head"))
    classifier.train()
    active = {name for name, module in classifier.named_modules() if isinstance(module, nn.Dropout) and module.training}
    assert active
    assert all(".layer.2." in name or name.startswith("head.") for name in active)
    batch = rows.batch([0, 1, 2])
    first, second = (classifier.capture(places(classifier, 3), batch) for _ in range(2))
    assert all(torch.equal(first[place], second[place]) for place in places(classifier, 3))
    assert not torch.equal(classifier(batch), classifier(batch))


def test_statistics_of_frozen_batch_norms_stand_still(classifier: Classifier, rows: TokenRows):
    embeddings = classifier.network.embeddings
    embeddings.LayerNorm = nn.Sequential(TokenBatchNorm(32))
    before = embeddings.LayerNorm[0].norm.running_mean.clone()
    apply_phase(classifier, phase("block_2", "head"))
    classifier.train()
    classifier(rows.batch([0, 1, 2]))
    assert torch.equal(embeddings.LayerNorm[0].norm.running_mean, before)
    apply_phase(classifier, phase(*classifier.groups))
    classifier(rows.batch([0, 1, 2]))
    assert torch.equal(embeddings.LayerNorm[0].norm.running_mean, before)  # held, though its weights train
    classifier.holds_statistics = False
    classifier.train()
    classifier(rows.batch([0, 1, 2]))
    assert not torch.equal(embeddings.LayerNorm[0].norm.running_mean, before)


class TokenBatchNorm(nn.Module):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(size)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        return self.norm(hidden.transpose(1, 2)).transpose(1, 2)


def test_each_group_has_its_rate_and_biases_and_norms_do_not_decay(classifier: Classifier):
    wanted = phase("block_2", "head", learning_rates=(1e-5, 1e-3))
    groups = optimizer_groups(apply_phase(classifier, wanted), weight_decay=0.1)
    assert [(group["name"], group["lr"], group["weight_decay"]) for group in groups] == [
        ("block_2", 1e-5, 0.1),
        ("block_2", 1e-5, 0.0),
        ("head", 1e-3, 0.1),
        ("head", 1e-3, 0.0),
    ]
    assert all(parameter.ndim > 1 for group in groups[::2] for parameter in group["params"])
    assert all(parameter.ndim == 1 for group in groups[1::2] for parameter in group["params"])


def test_each_trainable_parameter_is_optimized_once(encoders: dict[str, Encoder], classifier: Classifier):
    groups = optimizer_groups(apply_phase(classifier, phase(*classifier.groups)), weight_decay=0.1)
    optimized = [id(parameter) for group in groups for parameter in group["params"]]
    assert sorted(optimized) == sorted(id(parameter) for parameter in classifier.parameters())


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (phase(name="p", learning_rates=()), r"phase 'p' trains \(\); it must name at least one layer group"),
        (phase("head", "head"), r"trains \(head, head\); it must name at least one layer group, each once"),
        (phase("head", learning_rates=(1.0, 2.0)), r"phase 'head' has 2 learning rates for 1 layer groups"),
        (phase("head", rate=0.0), r"has a learning rate of 0.0; each must be above 0, leave a group out to freeze it"),
        (phase("head", num_epochs=0), r"has 0 epochs and a patience of 9; both must be 1 or more"),
        (phase("head", stop_after=3), r"stop_after \(3\) of phase 'head' is not between 0 and its 2 epochs"),
        (phase("block_9"), r"no layer group is called block_9; the model has embeddings, block_0"),
    ],
    ids=["no group", "a group twice", "rates", "rate of zero", "no epochs", "stops too late", "unknown group"],
)
def test_bad_phases(classifier: Classifier, bad, message: str):
    with pytest.raises(PolicyError, match=message):
        apply_phase(classifier, bad)


def test_too_little_memory_for_what_trains_is_told_before_it_is_taken(
    classifier: Classifier, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("models.training.phases.free_bytes", lambda _device: 1000)
    with pytest.raises(PolicyError, match=r"trains 0 million weights, .* 0.0 GB are free; unfreeze fewer groups"):
        apply_phase(classifier, phase("block_2", "head"))
    assert classifier.trainable == {"head"}
    monkeypatch.undo()
    assert free_bytes(torch.device("cpu")) > 1e6
