"""The learning-rate range test (Smith 2015, "Cyclical Learning Rates for Training Neural Networks", section 3.3).

From one step to the next the rate rises by the same factor, and the loss of each batch is noted before its step: it
falls once the rate is large enough and explodes where it is too large. The suggestion is the rate at which the smoothed
loss falls most steeply over the logarithm of the rate, as fastai's `steep` rule has it.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.classifiers.placement import place
from models.hardware.devices import choose_device
from models.training.epochs import PhaseRun
from models.training.loop import stored_boundaries, train
from models.training.policies import Phase
from models.training.records import TrainingData, TrainSettings

LOWEST, HIGHEST, NUM_STEPS = 1e-6, 1.0, 100
SMOOTHING = 0.9
"""Of the moving mean of losses, which is corrected for its start; it lags some ten steps, six tenths of a decade."""
_EXPLODED = 4.0
"""The test ends where the smoothed loss is this many times its lowest value."""
_IGNORED_AT_START, _IGNORED_AT_END = 10, 5
"""Steps that do not count for the suggestion: too few batches, and the beginning of the explosion (as in fastai)."""


@dataclass(frozen=True)
class RangeCurve:
    """Smoothed losses (nats) over rising rates of a phase's topmost group, and the rate that they suggest, if any."""

    phase: str
    learning_rates: tuple[float, ...]
    losses: tuple[float, ...]
    suggestion: float | None


def find_rates(
    classifier: Classifier,
    phases: Sequence[Phase],
    data: TrainingData,
    settings: TrainSettings,
    store: ActivationStore | None = None,
    *,
    advance: Callable[[str], object] = lambda _remark: None,
) -> Iterator[RangeCurve]:
    """Test the first phase and the first that trains more than the head; the phases before that one are trained first.

    Args:
        classifier: A fresh one, for this alone: it is trained on the way.
        phases: A whole schedule.
        data: Rows and what they serve for.
        settings: How to train; its schedule of rates is not used in the test.
        store: Keeps what the frozen part makes of the rows.
        advance: Called with a remark after each step, of which there are at most `NUM_STEPS` a curve.
    """
    place(classifier, choose_device(settings.device))
    deep = next((i for i, phase in enumerate(phases) if set(phase.trainable) != {classifier.groups[-1]}), None)
    if store is not None:
        store.fill(classifier, data.rows, stored_boundaries(classifier, phases[: (deep or 0) + 1]))
    yield find_rate(classifier, phases[0], data, settings, store, advance=advance)
    if deep:
        for _ in train(classifier, phases[:deep], data, settings, store):
            pass
        yield find_rate(classifier, phases[deep], data, settings, store, advance=advance)


def find_rate(
    classifier: Classifier,
    phase: Phase,
    data: TrainingData,
    settings: TrainSettings,
    store: ActivationStore | None = None,
    *,
    advance: Callable[[str], object] = lambda _remark: None,
) -> RangeCurve:
    """Test one phase from the classifier's weights, which are put back afterwards.

    Other groups' rates keep their proportion to the topmost one's.
    """
    run = PhaseRun(classifier, phase, 0, data, settings=settings, store=store)
    memory = run.remember()
    rates = np.geomspace(LOWEST, HIGHEST, NUM_STEPS).tolist()
    losses: list[float] = []
    mean = 0.0
    for step, rate in enumerate(rates):
        mean = SMOOTHING * mean + (1 - SMOOTHING) * run.probe(step, rate)
        smoothed = mean / (1 - SMOOTHING ** (step + 1))
        if not math.isfinite(smoothed):
            break
        losses.append(smoothed)
        advance(f"{phase.name}, rate {rate:.0e}")
        if smoothed > _EXPLODED * min(losses):
            break
    run.restore(memory)
    run.finish()
    return RangeCurve(phase.name, tuple(rates[: len(losses)]), tuple(losses), suggest(rates[: len(losses)], losses))


def suggest(rates: Sequence[float], losses: Sequence[float]) -> float | None:
    """Return the rate at which the loss falls most steeply; None where it falls nowhere."""
    kept = slice(_IGNORED_AT_START, len(losses) - _IGNORED_AT_END)
    chosen_rates, chosen_losses = np.array(rates)[kept], np.array(losses)[kept]
    if len(chosen_rates) < 2:
        return None
    slopes = np.diff(chosen_losses) / np.diff(np.log(chosen_rates))
    steepest = int(slopes.argmin())
    return float(chosen_rates[steepest]) if slopes[steepest] < 0 else None
