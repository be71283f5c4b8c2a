"""The run's page in words: Markdown that MLflow shows on top of a run, made from the result alone."""

from collections.abc import Sequence

from tasks.results import CrossValidation, Evaluation, RunResult
from thawline.gates import Gate


def describe_run(result: RunResult, approaches: Sequence[CrossValidation], evaluations: Sequence[Evaluation]) -> str:
    """Return the summary of a run: verdict, gates, approaches, test scores and where the time went."""
    parts = [
        f"**{result.verdict}**",
        (
            f"Data version `{result.data_version}`: {result.rows['train']:,} training rows, {result.rows['test']:,} "
            f"test rows. Candidate: **{result.candidate}**, version {result.version} of `{result.model}`."
        ),
        "### Gates",
        _table(("gate", "value", "limit", "verdict", "in words"), [_gate_row(gate) for gate in result.gates]),
        "### Cross-validation",
        _table(("approach", "macro-F1", "accuracy", "loss", "training time"), [_fold_row(each) for each in approaches]),
        "### Test set",
        _table(
            ("model", "macro-F1 (95 % interval)", "accuracy", "precision", "recall"),
            [_test_row(each) for each in evaluations],
        ),
        "### Time",
        _table(("step", "seconds"), [(step, f"{value:.1f}") for step, value in result.seconds.items()]),
    ]
    return "\n\n".join(parts)


def _gate_row(gate: Gate) -> Sequence[str]:
    verdict = "passed" if gate.passed else "**failed**"
    return gate.name, f"{gate.value:.4f}", f"{gate.limit:.4f}", verdict, gate.message


def _fold_row(approach: CrossValidation) -> Sequence[str]:
    scores = [f"{approach.mean(name):.4f} ± {approach.sd(name):.4f}" for name in ("f1_macro", "accuracy", "loss")]
    return approach.name, *scores, f"{approach.seconds:.1f} s"


def _test_row(evaluation: Evaluation) -> Sequence[str]:
    low, high = evaluation.intervals["f1_macro"]
    scores = [f"{evaluation.scores[name]:.4f}" for name in ("accuracy", "precision_macro", "recall_macro")]
    return evaluation.name, f"{evaluation.scores['f1_macro']:.4f} ({low:.4f} to {high:.4f})", *scores


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
