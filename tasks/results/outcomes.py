"""What the commands print as JSON: the outcome of `thawline run`, `compare` and `find-lr`."""

from typing import Any

from tasks.results import Result
from tasks.results.dependence import Dependence
from tasks.results.depth import Scouted
from tasks.results.mended import Mended
from tasks.results.search import SearchResult
from thawline.scores.abstention import Abstention
from thawline.scores.answers import RuleEffect
from thawline.scores.comparison import Comparison
from thawline.scores.gates import Gate
from thawline.scores.label_comparison import LabelComparison
from thawline.scores.number_comparison import NumberComparison

RESULT_FILE = "result.json"
"""What a run says, among its artifacts."""


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
    comparison: Comparison | LabelComparison | NumberComparison | None = None
    target: str = "classes"
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
    abstention: Abstention | None = None
    onnx: str = ""
    dependence: Dependence | None = None
    mended: Mended | None = None


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
