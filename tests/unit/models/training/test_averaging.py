"""Averages of weights: what is kept, when, and that training goes on from its own weights."""

import dataclasses

import pytest
import torch

from models.training.averaging import WeightAverage
from models.training.checkpoints import Checkpoints
from models.training.loop import predict_probabilities, train
from tests.unit.models.conftest import make_classifier, phase
from tests.unit.models.training.test_loop import assert_same_bits, without_inner, without_seconds
from thawline.scores.metrics import score

PHASES = [phase("head", num_epochs=4, rate=3e-2), phase("block_2", "head", num_epochs=2)]


def test_ema_follows_its_formula():
    parameter = torch.nn.Parameter(torch.zeros(1))
    average = WeightAverage("ema", [parameter], decay=0.5, num_epochs=1)
    expected = 0.0
    for step in range(6):
        parameter.data += 1
        average.after_step()
        decay = min(0.5, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * (step + 1)
    with average.applied():
        assert parameter.item() == pytest.approx(expected)
    assert parameter.item() == 6


def test_swa_is_the_mean_of_the_ends_of_the_second_half():
    parameter = torch.nn.Parameter(torch.zeros(1))
    average = WeightAverage("swa", [parameter], decay=0.5, num_epochs=4)
    for epoch in range(4):
        parameter.data += 1
        average.after_step()
        average.after_epoch(epoch)
        with average.applied():
            assert parameter.item() == pytest.approx([1, 2, 3, 3.5][epoch])
        assert parameter.item() == epoch + 1


@pytest.mark.parametrize("averaging", ["ema", "swa"])
def test_scores_and_final_weights_are_those_of_the_average(encoder, data, settings, averaging: str):
    settings = dataclasses.replace(settings, averaging=averaging)
    classifier = make_classifier(encoder)
    best = [record for record in train(classifier, PHASES, data, settings) if record.is_best][-1]
    final = score(data.labels[data.inner], predict_probabilities(classifier, data.rows, data.inner))
    assert final.loss == pytest.approx(best.inner_loss, abs=1e-6)


def test_averaging_changes_the_result_and_not_the_course_of_a_phase(encoder, data, settings):
    plain, averaged = make_classifier(encoder), make_classifier(encoder)
    first = list(train(plain, PHASES[:1], without_inner(data), settings))
    ema = dataclasses.replace(settings, averaging="ema")
    second = list(train(averaged, PHASES[:1], without_inner(data), ema))
    assert [record.train_loss for record in first] == [record.train_loss for record in second]
    assert not torch.equal(plain.head[1].weight, averaged.head[1].weight)


@pytest.mark.parametrize("averaging", ["ema", "swa"])
@pytest.mark.parametrize("num_done", [2, 3, 5])
def test_a_training_with_averages_goes_on_to_the_same_bits(encoder, data, settings, tmp_path, averaging, num_done):
    settings = dataclasses.replace(settings, averaging=averaging)
    whole, killed, resumed = (make_classifier(encoder) for _ in range(3))
    expected = list(train(whole, PHASES, data, settings))
    records = train(killed, PHASES, data, settings, checkpoints=Checkpoints(tmp_path, every_steps=1))
    for _ in range(num_done):
        next(records)
    again = list(train(resumed, PHASES, data, settings, checkpoints=Checkpoints(tmp_path)))
    assert without_seconds(again) == without_seconds(expected)
    assert_same_bits(resumed, whole)
