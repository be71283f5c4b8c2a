"""Losses are torch's where torch has them, and add up over parts of a batch."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from models.training.losses import Loss

GENERATOR = torch.Generator().manual_seed(0)
LOGITS = torch.randn(12, 4, generator=GENERATOR)
LABELS = torch.randint(0, 4, (12,), generator=GENERATOR)
CLASS_WEIGHTS = torch.tensor([0.5, 1.0, 2.0, 4.0])


def mean(loss: Loss, targets: torch.Tensor = LABELS, weights: torch.Tensor | None = None) -> torch.Tensor:
    return loss.total(LOGITS, targets, weights) / loss.mass(targets)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weights", [None, CLASS_WEIGHTS], ids=["equal", "weighted"])
def test_cross_entropy_is_that_of_torch(smoothing: float, class_weights):
    expected = nn.CrossEntropyLoss(class_weights, label_smoothing=smoothing)(LOGITS, LABELS)
    loss = Loss(label_smoothing=smoothing, class_weights=class_weights)
    torch.testing.assert_close(mean(loss), expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weights", [None, CLASS_WEIGHTS], ids=["equal", "weighted"])
def test_focal_loss_without_focus_is_cross_entropy(smoothing: float, class_weights):
    focal = Loss("focal", 0.0, smoothing, class_weights)
    torch.testing.assert_close(mean(focal), mean(Loss(label_smoothing=smoothing, class_weights=class_weights)))


def test_focal_loss_is_that_of_the_paper():
    p = LOGITS.softmax(dim=1)[torch.arange(12), LABELS]
    expected = (-((1 - p) ** 2) * p.log()).mean()
    torch.testing.assert_close(mean(Loss("focal", 2.0)), expected)


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
@pytest.mark.parametrize("class_weights", [None, CLASS_WEIGHTS], ids=["equal", "weighted"])
def test_shares_of_classes_that_name_one_class_are_that_class(name: str, class_weights):
    loss = Loss(name, 2.0, 0.1, class_weights)
    torch.testing.assert_close(mean(loss, functional.one_hot(LABELS, 4).float()), mean(loss))


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_a_batch_in_parts_is_the_whole_batch(name: str):
    loss = Loss(name, 2.0, 0.1, CLASS_WEIGHTS)
    parts = sum(loss.total(LOGITS[part], LABELS[part]) for part in (slice(0, 5), slice(5, 12)))
    torch.testing.assert_close(parts / loss.mass(LABELS), mean(loss))


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_a_row_of_weight_zero_is_not_there_and_one_of_a_half_pulls_half_as_hard(name: str):
    loss = Loss(name)
    weights = torch.ones(12)
    weights[3], weights[5] = 0.0, 0.5
    logits = LOGITS.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss.total(logits, LABELS, weights), logits)
    (plain,) = torch.autograd.grad(loss.total(logits, LABELS), logits)
    torch.testing.assert_close(gradient, plain * weights[:, None])
