"""Training in phases: a generator that yields a record after every epoch, so that the caller's loop is the callback.

- Each phase starts from the best weights of the one before; the weights it starts with compete with its epochs, so a
  phase can't make the classifier worse on the inner rows.
- Validation rows are scored after every epoch and decide nothing.
- The part that is still as pretrained is taken from the store; where there is none it is computed live, with the same
  result to the bit (`prefix.py`).
"""

import logging
from collections.abc import Iterator, Sequence

from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier
from models.classifiers.placement import place
from models.encoders.structure import HEAD
from models.hardware.devices import choose_device
from models.prediction.probabilities import predict_probabilities
from models.training.checkpoints import Checkpoints
from models.training.epochs import EpochUnderWay, PhaseRun
from models.training.journal import Journal, PhaseState
from models.training.phases import choose_boundary, take_back
from models.training.policies import Phase, check_phase
from models.training.records import EpochRecord, TrainingData, TrainSettings, record_epoch
from thawline.errors import PolicyError
from thawline.scores.metrics import AnyScores

logger = logging.getLogger(__name__)

__all__ = ["EpochRecord", "TrainSettings", "TrainingData", "predict_probabilities", "stored_boundaries", "train"]


def train(
    classifier: Classifier,
    phases: Sequence[Phase],
    data: TrainingData,
    settings: TrainSettings,
    store: ActivationStore | None = None,
    checkpoints: Checkpoints | None = None,
) -> Iterator[EpochRecord]:
    """Train `classifier` in place, phase after phase.

    With inner rows, a phase ends after `patience` epochs that do not better what `settings.monitor` names on them
    (ties: the other of loss and macro-F1, or R² of a number), and its best weights are restored. Of encoder layers the
    last weights count as best whose loss is within `settings.restore_margin` standard errors of the lowest, once an
    epoch has bettered the loss or the score that the phase began with. Without inner rows, a phase runs `stop_after` or
    else `num_epochs` epochs and keeps the last weights.

    Args:
        classifier: Fresh, or trained before: what is trained already is never read from the store.
        phases: In order.
        data: Rows and what they serve for.
        settings: How to train.
        store: Keeps what the frozen part makes of the rows; filled at the start for all phases in one pass.
        checkpoints: Where the training is written down as it goes. Called again after it was killed, with a classifier
            made like the first one and the same arguments, it yields the records made before and goes on, to the same
            bits; `phases` may then have more phases behind those of the first call, or fewer.

    Returns:
        One record per epoch, as it ends. The classifier holds its final weights once the iterator has ended.

    Raises:
        PolicyError: A phase can't be carried out on this classifier.
    """
    place(classifier, choose_device(settings.device))
    return go_on(Journal(classifier, phases, data, settings, checkpoints), store)


def go_on(journal: Journal, store: ActivationStore | None = None) -> Iterator[EpochRecord]:
    """Train from where the journal's last checkpoint is; see `train`."""
    classifier, phases, data, settings = journal.classifier, journal.phases, journal.data, journal.settings
    _check(classifier, phases)
    first = journal.resume()
    yield from journal.records
    if left_plain := phases_left_plain(classifier, phases[first:], data):
        logger.info("%s: these read stored states, so what is changed anew in every step is off there", left_plain)
    if store is not None:
        store.fill(classifier, data.views or data.rows, stored_boundaries(classifier, phases[first:]))
    for number, phase in enumerate(phases[first:], first):
        if phase.stop_after == 0:
            continue
        first_trained = classifier.first_trained
        run = PhaseRun(classifier, phase, number, data, settings=settings, store=store)
        lowest = min(classifier.groups.index(name) for name in phase.trainable)
        classifier.first_trained = min(first_trained, lowest)
        state = journal.start_phase(run, number, first_trained) or _begin(run, data, journal.best)
        try:
            yield from _run_phase(run, phase, number, (data, settings), state=state, journal=journal)
        finally:
            run.finish()
        if not state.gained:
            take_back(classifier, first_trained)
        journal.note_end(number, state.best)


def stored_boundaries(classifier: Classifier, phases: Sequence[Phase]) -> list[int]:
    """Return the boundaries, lowest first, whose states training in these phases will read from a store."""
    boundaries = set()
    first_trained = classifier.first_trained
    for phase in phases:
        if phase.stop_after == 0:
            continue
        lowest = min(classifier.groups.index(name) for name in phase.trainable)
        boundaries.add(choose_boundary(classifier, phase, first_trained))
        first_trained = min(first_trained, lowest)
    return sorted(boundaries - {0})


def phases_left_plain(classifier: Classifier, phases: Sequence[Phase], data: TrainingData) -> str:
    """Return the names of phases that leave out some of `data.augment`, '' for none.

    Phases on stored states know no mixtures of rows, and changes of a row only as `data.views`.
    """
    augment, names = data.augment, []
    if augment is None or (augment.mix is None and data.views is not None):
        return ""
    first_trained = classifier.first_trained
    for phase in phases:
        if choose_boundary(classifier, phase, first_trained) > 0:
            names.append(f"'{phase.name}'")
        first_trained = min(first_trained, *(classifier.groups.index(name) for name in phase.trainable))
    return ", ".join(names)


def _begin(run: PhaseRun, data: TrainingData, best: AnyScores | None) -> PhaseState:
    """Return the state of a phase before its first epoch; `best` are the inner scores that it must better."""
    start = best if best is not None else run.evaluate(data.inner, deciding=True)
    return PhaseState(best=start, memory=None if start is None else run.remember(), gained=start is None)


def _run_phase(
    run: PhaseRun,
    phase: Phase,
    number: int,
    given: tuple[TrainingData, TrainSettings],
    *,
    state: PhaseState,
    journal: Journal,
) -> Iterator[EpochRecord]:
    """Run a phase from where `state` is; at the end the classifier holds its best weights."""
    data, settings = given
    while state.epoch.number < phase.most_epochs and (state.best is None or state.waited < phase.patience):
        trained = run.advance(state.epoch, journal.every_steps)
        if trained is None:
            journal.note(run, number, state)
            continue
        inner, validation = run.evaluate(data.inner, deciding=True), run.evaluate(data.validation)
        is_better = inner is not None and state.best is not None and settings.is_better(inner, state.best)
        is_best = is_better or _is_as_good(inner, state, phase, settings)
        state.waited += 1
        if is_best:
            state.memory = None  # there is room for one copy of what trains, not for two
            state.memory, state.waited, state.gained = run.remember(), 0, True
        if is_better:
            state.best = inner
        position = (len(journal.records) + 1, state.epoch.number + 1)
        record = record_epoch(
            phase.name,
            position,
            (trained.scores, inner, validation),
            learning_rates=trained.learning_rates,
            seconds=trained.seconds,
            is_best=is_best,
        )
        journal.records.append(record)
        state.epoch = EpochUnderWay(state.epoch.number + 1)
        journal.note(run, number, state)
        yield record
    if state.memory is not None:
        run.restore(state.memory)
    else:
        run.settle()
    if not state.gained:
        logger.info("Phase '%s' gained nothing on the inner rows; back to the weights it began with", phase.name)


def _is_as_good(inner: AnyScores | None, state: PhaseState, phase: Phase, settings: TrainSettings) -> bool:
    """Return whether an epoch of encoder layers is not clearly worse than the best so far: then the later one counts.

    Its learning rate is lower, so it is the better one before any row has been looked at; and the inner rows are few.
    The first that counts must have a gain to show for the layers that it trained: in macro-F1, if not in the loss.
    """
    if inner is None or state.best is None or phase.trainable == (HEAD,):
        return False
    return settings.is_close(inner, state.best) and (state.gained or inner.main > state.best.main)


def _check(classifier: Classifier, phases: Sequence[Phase]) -> None:
    for phase in phases:
        check_phase(phase)
        known = classifier.trainable_groups
        if unknown := [name for name in phase.trainable if name not in known]:
            can = "the model has" if classifier.adapters is None else "adapters can go to"
            raise PolicyError(f"phase '{phase.name}' trains {', '.join(unknown)}; {can} {', '.join(known)}")
