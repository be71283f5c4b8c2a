"""torch.compile is an option that trains alike, or says why it can't."""

import dataclasses

import pytest
import torch

from models.training.compilation import trainable_parts
from models.training.loop import train
from models.training.phases import apply_phase
from tests.unit.models.conftest import make_classifier, phase
from tests.unit.models.training.test_loop import assert_same_bits, without_inner

TOP = phase("block_2", "head", num_epochs=1)


def test_the_outermost_trainable_modules_of_the_encoder_are_compiled(classifier):
    apply_phase(classifier, phase("block_1", "block_2", "head"))
    layers = list(classifier.network.encoder.layer)
    assert trainable_parts(classifier) == layers[1:]


def test_where_it_fails_training_says_why_and_goes_on_without_it(encoder, data, settings, caplog, monkeypatch):
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no compiler on this machine")

    plain, compiled = make_classifier(encoder), make_classifier(encoder)
    list(train(plain, [TOP], without_inner(data), settings))
    monkeypatch.setattr(torch.nn.Module, "compile", lambda module, **_: setattr(module, "_compiled_call_impl", fail))
    list(train(compiled, [TOP], without_inner(data), dataclasses.replace(settings, compile=True)))
    assert "train.compile is left out, since compiling failed here: no compiler on this machine" in caplog.text
    assert_same_bits(plain, compiled)


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["mean", "all_layers"])
def test_compiled_training_is_plain_training_but_for_rounding_and_dropout(encoder, data, settings, caplog, pooling):
    plain, compiled = (make_classifier(encoder, pooling=pooling, dropout=0.0) for _ in range(2))
    for classifier in (plain, compiled):
        for module in classifier.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
    (expected,) = train(plain, [TOP], without_inner(data), settings)
    (record,) = train(compiled, [TOP], without_inner(data), dataclasses.replace(settings, compile=True))
    assert record.train_loss == pytest.approx(expected.train_loss, abs=1e-4)
    assert "left out" not in caplog.text
    assert all(module._compiled_call_impl is None for module in compiled.modules())
