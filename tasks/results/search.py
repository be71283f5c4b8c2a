"""The trials of a search, and which one won."""

from typing import Any

from tasks.results import Result


class TrialResult(Result):
    """One trial of a search: its changes to the params, its score, and how far it came.

    `screened` is the score with the encoder frozen, `score` that of the deepest phase it came to, which decides;
    `seconds` is all the training it took. A trial that failed has a `reason` and no score.
    """

    number: int
    changes: dict[str, Any] = {}
    screened: float = 0.0
    score: float = 0.0
    loss: float = 0.0
    f1_macro: list[float] = []
    seconds: float = 0.0
    num_phases: int = 1
    reason: str = ""

    def gone_deeper(self, score: float, *, seconds: float, num_phases: int) -> "TrialResult":
        """Return the trial after further phases; `seconds` are those of all its training."""
        return self.model_copy(update={"score": score, "seconds": seconds, "num_phases": num_phases})


class Unproved(Result):
    """A trial ahead of the params as they stand: by `gain` as a mean over the folds, which has this standard error."""

    number: int
    gain: float
    error: float


class SearchResult(Result):
    """A whole search: its trials by number, which one won, and the seconds it took.

    `unproved` is the trial with the best score where the params as they stand stay all the same. `in_folds` are the
    trials that the folds' own inner rows ask for, with which they are scored.
    """

    strategy: str
    trials: list[TrialResult]
    winner: int
    seconds: float
    unproved: Unproved | None = None
    in_folds: list[int] = []

    @property
    def best(self) -> TrialResult:
        """The trial that won."""
        return next(trial for trial in self.trials if trial.number == self.winner)

    def sentence(self) -> str:
        """Return the outcome in words."""
        return self._outcome() + self._own_choices()

    def _own_choices(self) -> str:
        if set(self.in_folds) <= {self.winner}:
            return ""
        numbers = ", ".join(f"{number:02d}" for number in self.in_folds)
        return f". Folds are scored with what their own inner rows ask for: trials {numbers}"

    def _outcome(self) -> str:
        failed = sum(bool(trial.reason) for trial in self.trials)
        ending = f"; {failed} trials failed" if failed else ""
        if ahead := self.unproved:
            return (
                f"The params as they stand stay with {self.best.score:.4f}: trial {ahead.number:02d} of "
                f"{len(self.trials)} is ahead by {ahead.gain:.4f}, within the standard error {ahead.error:.4f} of the "
                f"folds' differences{ending}"
            )
        own = next((trial for trial in self.trials if trial.number == 0 and not trial.reason), None)
        versus = "" if own is None or own.number == self.winner else f" (the params as they stand: {own.score:.4f})"
        what = "the params as they stand" if self.winner == 0 else ", ".join(map(_pair, self.best.changes.items()))
        wins = f"Trial {self.winner:02d} of {len(self.trials)} wins with {self.best.score:.4f}"
        return f"{wins}{versus}: {what}{ending}"


def _pair(item: tuple[str, Any]) -> str:
    name, value = item
    return f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
