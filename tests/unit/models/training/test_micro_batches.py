"""What happens where the device's memory can't hold a batch."""

import numpy as np
import pytest
import torch

from models.classifiers.classifier import Classifier
from models.training.loop import train
from models.training.micro_batches import MicroBatches
from tests.unit.models.conftest import make_classifier, phase
from thawline.errors import PolicyError

TOP = phase("block_2", "head", num_epochs=1)


def most_rows(monkeypatch: pytest.MonkeyPatch, limit: int) -> list[int]:
    """Let the device's memory do for so many rows while training; return how many were given to it each time."""
    seen: list[int] = []
    forward = Classifier.forward_from

    def forward_from(self: Classifier, start, batch):
        if self.training:
            seen.append(len(start.states))
            if len(start.states) > limit:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
        return forward(self, start, batch)

    monkeypatch.setattr(Classifier, "forward_from", forward_from)
    return seen


def test_where_memory_is_too_small_the_batch_is_halved_and_the_steps_stay(
    encoder, data, settings, monkeypatch: pytest.MonkeyPatch, caplog
):
    plain, halved = make_classifier(encoder, dropout=0.0), make_classifier(encoder, dropout=0.0)
    encoder_dropout = [each for each in (*plain.modules(), *halved.modules()) if isinstance(each, torch.nn.Dropout)]
    for each in encoder_dropout:
        each.p = 0.0
    list(train(plain, [TOP], data, settings))
    seen = most_rows(monkeypatch, 5)
    records = list(train(halved, [TOP], data, settings))
    whole = [rows for rows in seen if rows > 5]
    assert len(whole) == 2
    assert max(seen[2:]) <= 4
    assert sum(seen[2:]) == len(data.train)
    assert "batches of 16 rows: 8 at once" in caplog.text
    assert "4 at once from now on, and gradients of 4 such parts are added up" in caplog.text
    assert len(records) == 1
    weights = halved.state_dict()
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(weights[name], tensor, rtol=1e-3, atol=2e-5)


def test_memory_that_does_not_do_for_one_row_is_said(encoder, data, settings, monkeypatch: pytest.MonkeyPatch):
    most_rows(monkeypatch, 0)
    with pytest.raises(PolicyError, match=r"with a single row at once \(CUDA out of memory\); unfreeze fewer groups"):
        list(train(make_classifier(encoder), [TOP], data, settings))


def test_a_batch_is_whole_while_it_fits_and_no_part_is_empty():
    rows, batches = np.arange(5), MicroBatches(8)
    assert batches.split(rows)[0] is rows
    batches.parts = 8
    assert [len(part) for part in batches.split(rows)] == [1] * 5
