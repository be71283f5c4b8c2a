"""Models on the test rows, what the gates said of them, and what became of the candidate."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from tasks.results import Result
from thawline.scores.abstention import Abstention
from thawline.scores.answers import RuleEffect
from thawline.scores.comparison import Comparison
from thawline.scores.gates import UNSCORED, Gate
from thawline.scores.label_comparison import LabelComparison
from thawline.scores.number_comparison import NumberComparison
from thawline.scores.slice_scores import SliceScores


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
    abstention: Abstention | None = None


class ScoredChampion(Result):
    """The champion on the test rows: its version, and either a .npz as of `Evaluation` or why it can't be scored.

    `num_before` counts the challengers that these rows have compared with it already (`tasks.judging.champion`).
    `new_classes` are those of the data that it does not know, `gone_classes` those of its own that no row has any more.
    """

    version: str
    predictions: Path | None = None
    unscorable: str = ""
    num_before: float = 0.0
    new_classes: list[str] = []
    gone_classes: list[str] = []

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
    comparison: Comparison | LabelComparison | NumberComparison | None

    @property
    def passed(self) -> bool:
        """Whether every gate passed."""
        return all(gate.passed for gate in self.gates)

    @property
    def lacks_champion(self) -> bool:
        """Whether there was a champion that could not be scored: then nothing is decided yet."""
        return any(gate.name == UNSCORED for gate in self.gates)


class Decision(Result):
    """What became of the candidate: its version, whether it was registered just now, its aliases and its judgement.

    `model_id` is that of MLflow's logged model, None for a version from before there were such.
    """

    version: str
    model_id: str | None = None
    registered: bool
    promoted: bool
    aliases: list[str]
    judgement: Judgement
