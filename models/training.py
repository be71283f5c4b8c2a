"""Training in phases: a generator that yields a record after every epoch, so that the caller's loop is the callback.

- Each phase starts from the best weights of the one before; the weights it starts with compete with its epochs, so a
  phase can't make the classifier worse on the inner rows.
- Validation rows are scored after every epoch and decide nothing.
- The part that is still as pretrained is taken from the store; where there is none it is computed live, with the same
  result to the bit (`prefix.py`).
"""

import logging
from collections.abc import Generator, Iterator, Sequence

from models.classifier import Classifier
from models.devices import choose_device
from models.epochs import PhaseRun, TrainedEpoch, choose_boundary
from models.policies import Phase, check_phase
from models.prediction import predict_probabilities
from models.records import EpochRecord, TrainingData, TrainSettings
from models.store import ActivationStore
from thawline.errors import PolicyError
from thawline.metrics import Scores

logger = logging.getLogger(__name__)

__all__ = ["EpochRecord", "TrainSettings", "TrainingData", "predict_probabilities", "stored_boundaries", "train"]


def train(
    classifier: Classifier,
    phases: Sequence[Phase],
    data: TrainingData,
    settings: TrainSettings,
    store: ActivationStore | None = None,
) -> Iterator[EpochRecord]:
    """Train `classifier` in place, phase after phase.

    With inner rows, a phase ends after `patience` epochs that do not better what `settings.monitor` names on them
    (ties: the other of loss and macro-F1), and its best weights are restored. Without, it runs `stop_after` or else
    `num_epochs` epochs and keeps the last weights.

    Args:
        classifier: Fresh, or trained before: what is trained already is never read from the store.
        phases: In order.
        data: Rows and what they serve for.
        settings: How to train.
        store: Keeps what the frozen part makes of the rows; filled at the start for all phases in one pass.

    Returns:
        One record per epoch, as it ends. The classifier holds its final weights once the iterator has ended.

    Raises:
        PolicyError: A phase can't be carried out on this classifier.
    """
    _check(classifier, phases)
    classifier.to(choose_device(settings.device))
    if store is not None:
        store.fill(classifier, data.rows, stored_boundaries(classifier, phases))
    best: Scores | None = None
    num_epochs = 0
    for number, phase in enumerate(phases):
        if phase.stop_after == 0:
            continue
        first_trained = classifier.first_trained
        run = PhaseRun(classifier, phase, number, data, settings=settings, store=store)
        lowest = min(classifier.groups.index(name) for name in phase.trainable)
        classifier.first_trained = min(first_trained, lowest)
        start = best if best is not None else run.evaluate(data.inner)
        best, gained, num_epochs = yield from _run_phase(run, phase, (data, settings), start, num_epochs)
        if not gained:
            classifier.first_trained = first_trained


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


def _run_phase(
    run: PhaseRun, phase: Phase, given: tuple[TrainingData, TrainSettings], start: Scores | None, num_before: int
) -> Generator[EpochRecord, None, tuple[Scores | None, bool, int]]:
    """Run one phase; return its best inner scores, whether its weights changed, and the epochs so far."""
    data, settings = given
    best, memory = start, run.remember() if start is not None else None
    waited, gained, done = 0, start is None, num_before
    num_epochs = phase.num_epochs if phase.stop_after is None else phase.stop_after
    for epoch in range(num_epochs):
        trained = run.train_epoch(epoch)
        inner, validation = run.evaluate(data.inner), run.evaluate(data.validation)
        is_best = inner is not None and best is not None and settings.is_better(inner, best)
        if is_best:
            best, memory, waited, gained = inner, run.remember(), 0, True
        else:
            waited += 1
        yield _record(phase, (num_before, epoch), trained, (inner, validation), is_best=is_best)
        done = num_before + epoch + 1
        if inner is not None and waited >= phase.patience:
            break
    if memory is not None:
        run.restore(memory)
    if not gained:
        logger.info("Phase '%s' gained nothing on the inner rows; back to the weights it began with", phase.name)
    return best, gained, done


def _record(
    phase: Phase,
    position: tuple[int, int],
    trained: TrainedEpoch,
    scores: tuple[Scores | None, Scores | None],
    *,
    is_best: bool,
) -> EpochRecord:
    num_before, epoch = position
    inner, validation = scores
    return EpochRecord(
        phase=phase.name,
        epoch=num_before + epoch + 1,
        phase_epoch=epoch + 1,
        train_loss=trained.scores.loss,
        train_f1_macro=trained.scores.f1_macro,
        inner_loss=inner.loss if inner else None,
        inner_f1_macro=inner.f1_macro if inner else None,
        validation_loss=validation.loss if validation else None,
        accuracy=validation.accuracy if validation else None,
        precision_macro=validation.precision_macro if validation else None,
        recall_macro=validation.recall_macro if validation else None,
        f1_macro=validation.f1_macro if validation else None,
        learning_rates=trained.learning_rates,
        seconds=trained.seconds,
        is_best=is_best,
    )


def _check(classifier: Classifier, phases: Sequence[Phase]) -> None:
    for phase in phases:
        check_phase(phase)
        unknown = [name for name in phase.trainable if name not in classifier.groups]
        if unknown:
            raise PolicyError(
                f"phase '{phase.name}' trains {', '.join(unknown)}; the model has {', '.join(classifier.groups)}"
            )
