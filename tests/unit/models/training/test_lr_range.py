"""The learning-rate range test: what it suggests, and that it leaves no trace."""

import numpy as np
import pytest

from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.training.lr_range import NUM_STEPS, find_rate, find_rates, suggest
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import phase, weights

RATES = np.geomspace(1e-6, 1, 100)


def test_the_suggestion_is_where_the_loss_falls_most_steeply():
    steepest = 1e-3
    losses = 1 / (1 + np.exp(3 * np.log(RATES / steepest)))
    assert suggest(RATES, losses) == pytest.approx(steepest, rel=0.1)


@pytest.mark.parametrize("losses", [np.ones(100), np.linspace(1, 2, 100), np.ones(12)], ids=["flat", "rising", "short"])
def test_a_loss_that_never_falls_suggests_nothing(losses: np.ndarray):
    assert suggest(RATES[: len(losses)], losses) is None


def test_a_range_test_changes_no_weight(classifier: Classifier, data: TrainingData, settings: TrainSettings):
    before = weights(classifier)
    curve = find_rate(classifier, phase("block_2", "head"), data, settings)
    assert all((tensor == before[name]).all() for name, tensor in classifier.state_dict().items())
    assert len(curve.learning_rates) == len(curve.losses) <= NUM_STEPS
    assert curve.losses[0] == pytest.approx(np.log(2), abs=0.2)
    assert min(curve.losses) < curve.losses[0]


def test_the_head_and_the_first_deeper_phase_are_tested(classifier, data, settings, tmp_path):
    phases = [phase("head", num_epochs=20, rate=3e-2), phase("block_2", "head"), phase("block_1", "block_2", "head")]
    remarks: list[str] = []
    store = ActivationStore(tmp_path)
    head, deep = find_rates(classifier, phases, data, settings, store, advance=remarks.append)
    assert (head.phase, deep.phase) == ("head", "block_2+head")
    assert len(remarks) <= 2 * NUM_STEPS
    assert 1e-4 < head.suggestion < 1
    assert deep.losses[10] < head.losses[10]


def test_a_schedule_of_one_phase_has_one_curve(classifier, data, settings):
    (curve,) = find_rates(classifier, [phase(*classifier.groups)], data, settings)
    assert curve.suggestion is None or 1e-6 < curve.suggestion < 1
