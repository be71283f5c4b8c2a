"""What tasks hand to each other: small, JSON-able and persisted, so that a rerun redoes only what is missing.

Arrays lie in files beside, under .thawline/steps/<key>/; a result holds their paths.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

from thawline.errors import ThawlineError
from thawline.scores.answers import RuleEffect
from thawline.scores.comparison import Comparison
from thawline.scores.gates import UNSCORED, CrossValidated, Gate
from thawline.scores.metrics import answers_of
from thawline.scores.slice_scores import SliceScores

RESULT_FILE = "result.json"
"""What a run says, among its artifacts."""


class Result(BaseModel):
    """A frozen result of a task."""

    model_config = ConfigDict(frozen=True)


class HeadPhase(Result):
    """The head phase of all folds, trained in one pass: what it took; the heads are in the folds' checkpoints."""

    seconds: float


class FoldResult(Result):
    """One fold of one approach.

    `scores` are those of `thawline.scores.scorecard.score_fully` on the fold's validation rows. `epochs` has one
    `EpochRecord` as a dict for each epoch (none for baselines), `best_epochs` the best epoch of each phase, 0 where one
    was rolled back. `predictions` names a .npz with `rows` (n,) and `probabilities` (n, classes), and with `answers`
    (n,) where a rule answers other classes than the most probable; `plain_f1_macro` is macro-F1 without it.
    `num_fitted` counts the rows that weights were fitted to, `peak_memory_bytes` is that of the process so far.
    """

    fold: int
    scores: dict[str, float]
    train_f1_macro: float
    seconds: float
    predictions: Path
    num_fitted: int
    peak_memory_bytes: int
    plain_f1_macro: float | None = None
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

    def scores(self, metric: str = "f1_macro") -> list[float]:
        """Return a score of each fold."""
        return [fold.scores[metric] for fold in self.folds]

    def mean(self, metric: str = "f1_macro") -> float:
        """Return the mean of a score over the folds."""
        return float(np.mean(self.scores(metric)))

    def sd(self, metric: str = "f1_macro") -> float:
        """Return the sample standard deviation of a score over the folds."""
        return float(np.std(self.scores(metric), ddof=1))

    @property
    def seconds(self) -> float:
        """Seconds that all folds took together."""
        return sum(fold.seconds for fold in self.folds)

    def summary(self) -> CrossValidated:
        """Return what the gates look at."""
        train = float(np.mean([fold.train_f1_macro for fold in self.folds]))
        plain = [fold.plain_f1_macro for fold in self.folds if fold.plain_f1_macro is not None]
        return CrossValidated(
            name=self.name,
            train_f1_macro=train,
            f1_macro=self.mean(),
            plain_f1_macro=float(np.mean(plain)) if plain else None,
        )

    def out_of_fold(self, num_rows: int, num_classes: int) -> NDArray[np.float64]:
        """Return each training row's probabilities (rows, classes) by the model that did not see it."""
        probabilities = np.full((num_rows, num_classes), np.nan)
        for fold in self.folds:
            with load_arrays(fold.predictions) as stored:
                probabilities[stored["rows"]] = stored["probabilities"]
        return probabilities

    def out_of_fold_answers(self, num_rows: int) -> NDArray[np.int64]:
        """Return the class (rows,) that each training row is answered with: by a rule, else the most probable one."""
        answers = np.zeros(num_rows, dtype=np.int64)
        for fold in self.folds:
            with load_arrays(fold.predictions) as stored:
                answers[stored["rows"]] = (
                    stored["answers"] if "answers" in stored else answers_of(stored["probabilities"])
                )
        return answers


def best_of(approaches: Sequence[CrossValidation]) -> CrossValidation:
    """Return the approach with the highest mean macro-F1, the first where several tie."""
    return max(approaches, key=CrossValidation.mean)


class FinalFit(Result):
    """A model fitted on all of train: its directory, its history, what it took, and the rule that it answers by."""

    name: str
    model: Path
    epochs: list[dict[str, Any]] = []
    seconds: float
    num_fitted: int
    peak_memory_bytes: int
    rule: RuleEffect | None = None


class Evaluation(Result):
    """One model on the test rows; `intervals` are 95 % bootstrap intervals (low, high).

    `predictions` names a .npz with `labels` (rows,), `probabilities` (rows, classes), `answers` (rows,) and `groups`
    (rows,).
    """

    name: str
    scores: dict[str, float]
    per_class: dict[str, dict[str, float]]
    intervals: dict[str, tuple[float, float]]
    slices: list[SliceScores]
    predictions: Path
    rule: RuleEffect | None = None


class ScoredChampion(Result):
    """The champion on the test rows: its version, and either a .npz as of `Evaluation` or why it can't be scored.

    `num_before` counts the challengers that these rows have compared with it already (`tasks.judging.champion`).
    """

    version: str
    predictions: Path | None = None
    unscorable: str = ""
    num_before: float = 0.0

    @model_validator(mode="after")
    def _is_scored_or_says_why_not(self) -> Self:
        if (self.predictions is None) != bool(self.unscorable):
            raise ValueError("has predictions or a reason why there are none: one of both")
        return self


class Judgement(Result):
    """What the gates said: the candidate's name, each gate, and the verdict as a sentence.

    `champion` is the version that held the alias then, None for none; `comparison` is with it, None where it could not
    be scored.
    """

    candidate: str
    gates: list[Gate]
    verdict: str
    champion: str | None
    comparison: Comparison | None

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def lacks_champion(self) -> bool:
        """Whether there was a champion that could not be scored: then nothing is decided yet."""
        return any(gate.name == UNSCORED for gate in self.gates)


class Decision(Result):
    """What became of the candidate: its version, whether it was registered just now, its aliases and its judgement."""

    version: str
    registered: bool
    promoted: bool
    aliases: list[str]
    judgement: Judgement


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


class Rung(Result):
    """One depth that a scout tried: layer groups unfrozen below the head, and how its rows were judged.

    `loss` (nats) is at its best temperature, `gain` what it is below that of the head alone, `error` the standard error
    of that; `seconds` is what training all folds and the final fit so deep would take here.
    """

    depth: int
    loss: float
    gain: float
    error: float
    f1_macro: float
    seconds: float


class Scouted(Result):
    """How deep to fine-tune: `depth` layer groups below the head, by what `rungs` showed, that of the head first.

    `too_long` has, by depth, the seconds that a rung would take which was left for that reason.
    """

    rungs: list[Rung]
    depth: int
    too_long: dict[int, float] = {}
    num_fitted: int
    num_judged: int
    seconds: float

    def lines(self) -> list[str]:
        """Return what was found in lines: a depth each, and what is done."""
        if not self.rungs:
            return [f"too few rows to find out how deep fine-tuning pays; trained: {tell_depth(self.depth)}"]
        found = [f"how deep fine-tuning pays, on {self.num_judged} rows:"]
        for one in self.rungs:
            gained = f", lower by {one.gain:.4f} ± {one.error:.4f}" if one.depth else ""
            found.append(f"  {tell_depth(one.depth)}: macro-F1 {one.f1_macro:.3f}, loss {one.loss:.4f}{gained}")
        for depth, seconds in self.too_long.items():
            found.append(f"  {tell_depth(depth)}: not tried, all folds would take {seconds:.0f} s (train.max_seconds)")
        return [*found, f"trained: {tell_depth(self.depth)}"]


class RunResult(Result):
    """The outcome of one run of the line: the JSON object of `thawline run --json`."""

    run_id: str
    experiment: str
    model: str
    version: str
    aliases: list[str]
    promoted: bool
    registered: bool
    unchanged: bool = False
    verdict: str
    candidate: str
    gates: list[Gate]
    comparison: Comparison | None = None
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    alarms: list[str] = []
    baseline: dict[str, dict[str, float]]
    cv: dict[str, Any]
    seconds: dict[str, float]
    data_version: str
    rows: dict[str, int]
    mlflow_uri: str
    standing: str = ""
    scouted: Scouted | None = None
    search: SearchResult | None = None
    rule: RuleEffect | None = None
    onnx: str = ""


class Measured(Result):
    """One training of a comparison: by which approach, on how many rows, its seconds and its scores on the same fold.

    `percent` is the share of the fold's training part, `seed` says which fold is held out and which rows are drawn.
    """

    approach: str
    percent: int
    seed: int
    num_rows: int
    seconds: float
    f1_macro: float
    accuracy: float
    loss: float


class ComparedApproaches(Result):
    """What `thawline compare` prints: every training, those left out for want of time, and what follows from them."""

    run_id: str = ""
    baseline: str
    measured: list[Measured]
    left_out: list[str]
    seconds: float
    table: list[dict[str, Any]] = []
    recommendation: str = ""


class SuggestedRate(Result):
    """What the range test says of one phase: the param that sets its rate, its value, and the suggested one."""

    phase: str
    param: str
    used: float
    suggested: float | None


def tell_depth(depth: int) -> str:
    """Return in words what is trained to a depth."""
    return f"{depth} layer group{'s' if depth > 1 else ''} and the head" if depth else "the head alone"


def _pair(item: tuple[str, Any]) -> str:
    name, value = item
    return f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"


def save_arrays(path: Path, **arrays: NDArray[Any]) -> Path:
    """Save arrays as .npz so that the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.npz")
    np.savez(temporary, allow_pickle=False, **arrays)
    temporary.replace(path)
    return path


def load_arrays(path: Path) -> Any:
    """Open a .npz that a persisted result names; nothing in it is unpickled.

    Raises:
        ThawlineError: The file is gone although the result that names it was kept.
    """
    if not path.is_file():
        raise ThawlineError(f"{path} is gone although results name it; run again with --fresh to compute it anew")
    return np.load(path, allow_pickle=False)
