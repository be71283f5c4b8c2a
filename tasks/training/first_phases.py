"""The head phase of several trainings at once: linear heads are solved for, others are trained in one pass.

Each training's result is written where `train` goes on from it.
"""

import time
from collections.abc import Callable, Sequence

from models.classifiers.linear_heads import put_linear_head
from models.encoders.structure import HEAD
from models.fused_heads.fused import train_heads as train_heads_together
from models.fused_heads.jobs import HeadJob, can_fuse
from models.heads.head import HeadSpec
from models.heads.linear import LinearHead
from models.inputs.rows import Indices
from models.training.policies import Phase
from models.training.records import TrainSettings, record_epoch
from tasks.training.setup import Training
from thawline.scores.metrics import AnyScores, score_outputs
from thawline.system.console import progress

Solver = Callable[[], LinearHead]
EXACT = ("cross_entropy", "squared", "binary")
"""Losses whose minimum a linear head is solved for."""


def is_exact(phase: Phase, head: HeadSpec, settings: TrainSettings) -> bool:
    """Return whether a phase solves for its weights: it is to be exact, and what it minimises is convex."""
    return phase.exact and head.layers == 0 and settings.loss in EXACT


def train_first_phases(trainings: Sequence[Training], solvers: Sequence[Solver], *, description: str) -> None:
    """Run the first phase of several trainings, if it is a head's; write each down as if done alone.

    Trainings that are further on already are left as they are, and so are those whose views of the rows are their own
    and whose heads are not exact. All others share the pooled vectors of the first one's rows.

    Args:
        trainings: Of one work; their classifiers are fresh.
        solvers: For each, what solves its linear head.
        description: Of the bar that shows how far it is.
    """
    waiting = [
        (each, solve)
        for each, solve in zip(trainings, solvers, strict=True)
        if each.phases[0].trainable == (HEAD,) and each.journal.resume() == 0
    ]
    exact = [each for each in waiting if _is_exact(each[0])]
    trained = [
        each
        for each, _ in waiting
        if not _is_exact(each) and can_fuse(each.settings) and each.data.views is trainings[0].data.views
    ]
    if exact:
        with progress(description, len(exact)) as advance:
            for training, solve in exact:
                _solve(training, solve)
                advance("solved")
    if trained:
        _train_together(trained, description)


def _is_exact(training: Training) -> bool:
    return is_exact(training.phases[0], training.classifier.head_spec, training.settings)


def _solve(training: Training, solve: Solver) -> None:
    started = time.monotonic()
    data, vectors, head = training.data, training.pooled_vectors()[0], solve()

    def scored(rows: Indices | None, measure: Callable[..., AnyScores] = score_outputs) -> AnyScores | None:
        return None if rows is None else measure(data.labels[rows], head.probabilities(vectors[rows]))

    put_linear_head(training.classifier, head)
    on_train, inner = scored(data.train), scored(data.inner, training.settings.judge)
    assert on_train is not None  # noqa: S101 - every training has rows
    training.journal.records = [
        record_epoch(
            training.phases[0].name,
            (1, 1),
            (on_train, inner, scored(data.validation)),
            learning_rates={},
            seconds=time.monotonic() - started,
            is_best=True,
        )
    ]
    training.journal.note_end(0, inner)


def _train_together(waiting: Sequence[Training], description: str) -> None:
    first = waiting[0]
    with progress(description, max(training.phases[0].most_epochs for training in waiting)) as advance:
        heads = train_heads_together(
            first.pooled_vectors(),
            first.data.labels,
            [_job(training) for training in waiting],
            num_classes=first.classifier.num_classes,
            advance=lambda: advance(first.phases[0].name),
        )
    for training, head in zip(waiting, heads, strict=True):
        training.classifier.head.load_state_dict(head.state)
        training.journal.records = head.records
        training.journal.note_end(0, head.inner)


def _job(training: Training) -> HeadJob:
    return HeadJob(
        spec=training.classifier.head_spec,
        phase=training.phases[0],
        settings=training.settings,
        first_weights=training.classifier.head.state_dict(),
        train=training.data.train,
        inner=training.data.inner,
        validation=training.data.validation,
        weights=training.data.weights,
    )
