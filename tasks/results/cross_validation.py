"""The folds and the final fit of one approach."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.results import Result, load_arrays
from thawline.scores.abstention import Abstention
from thawline.scores.answers import RuleEffect
from thawline.scores.gates import CrossValidated
from thawline.scores.metrics import TITLES, answers_of

Answers = NDArray[Any]


class FoldResult(Result):
    """One fold of one approach.

    `scores` are those of the target's scorecard on the fold's validation rows. `epochs` has one
    `EpochRecord` as a dict for each epoch (none for baselines), `best_epochs` the best epoch of each phase, 0 where one
    was rolled back. `predictions` names a .npz with `rows` (n,) and `probabilities` (n, classes), and with `answers`
    (n,), or (n, labels), where a rule answers others than the most probable; `plain_score` is the score without it.
    Scores without a name are those that decide.
    `num_fitted` counts the rows that weights were fitted to, `peak_memory_bytes` is that of the process so far.
    """

    fold: int
    scores: dict[str, float]
    train_score: float
    seconds: float
    predictions: Path
    num_fitted: int
    peak_memory_bytes: int
    plain_score: float | None = None
    epochs: list[dict[str, Any]] = []
    best_epochs: dict[str, int] = {}


class CrossValidation(Result):
    """All folds of one approach, named `name`."""

    name: str
    folds: list[FoldResult]

    @property
    def metrics(self) -> list[str]:
        """Names of the scores that every fold has."""
        return [name for name in self.folds[0].scores if all(name in fold.scores for fold in self.folds)]

    @property
    def main(self) -> str:
        """Name of the score that decides."""
        known = self.folds[0].scores if self.folds else {}
        return next((name for name in TITLES if name in known), "f1_macro")

    def scores(self, metric: str | None = None) -> list[float]:
        """Return a score of each fold, the one that decides unless another is named."""
        return [fold.scores[metric or self.main] for fold in self.folds]

    def mean(self, metric: str | None = None) -> float:
        """Return the mean of a score over the folds."""
        return float(np.mean(self.scores(metric)))

    def sd(self, metric: str | None = None) -> float:
        """Return the sample standard deviation of a score over the folds."""
        return float(np.std(self.scores(metric), ddof=1))

    @property
    def seconds(self) -> float:
        """Seconds that all folds took together."""
        return sum(fold.seconds for fold in self.folds)

    def summary(self) -> CrossValidated:
        """Return what the gates look at."""
        train = float(np.mean([fold.train_score for fold in self.folds]))
        plain = [fold.plain_score for fold in self.folds if fold.plain_score is not None]
        return CrossValidated(
            name=self.name,
            train_score=train,
            score=self.mean(),
            plain_score=float(np.mean(plain)) if plain else None,
            title=TITLES[self.main],
        )

    def out_of_fold(self, num_rows: int, num_classes: int) -> NDArray[np.float64]:
        """Return each training row's probabilities (rows, classes) by the model that did not see it."""
        probabilities = np.full((num_rows, num_classes), np.nan)
        for fold in self.folds:
            with load_arrays(fold.predictions) as stored:
                probabilities[stored["rows"]] = stored["probabilities"]
        return probabilities

    def out_of_fold_answers(self, num_rows: int, plain: Callable[[NDArray[Any]], NDArray[Any]] = answers_of) -> Answers:
        """Return what each training row is answered with: by a rule, or else what `plain` makes of outputs.

        Args:
            num_rows: All training rows; those that no fold is scored on are answered with 0.
            plain: Outputs of some rows to answers, by no rule; the most probable class unless given.
        """
        answers: Answers = np.zeros(num_rows, dtype=np.int64)
        for number, fold in enumerate(self.folds):
            with load_arrays(fold.predictions) as stored:
                given = stored["answers"] if "answers" in stored else plain(stored["probabilities"])
                if not number:
                    answers = np.zeros((num_rows, *given.shape[1:]), dtype=given.dtype)
                answers[stored["rows"]] = given
        return answers


def best_of(approaches: Sequence[CrossValidation]) -> CrossValidation:
    """Return the approach with the highest mean score, the first where several tie."""
    return max(approaches, key=CrossValidation.mean)


class FinalFit(Result):
    """A model fitted on all of train: its directory, its history, what it took, and by what it answers or does not."""

    name: str
    model: Path
    epochs: list[dict[str, Any]] = []
    seconds: float
    num_fitted: int
    peak_memory_bytes: int
    rule: RuleEffect | None = None
    abstention: Abstention | None = None
