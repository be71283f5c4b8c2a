"""The run's page in words: Markdown that MLflow shows on top of a run. Verdict first, what to do next last."""

import math
from collections.abc import Iterator, Sequence

import pandas as pd

from modalities import encoder_name
from models.encoders.catalogue import is_there, larger_than
from targets import Target
from tasks.candidates.blend import BLEND
from tasks.judging.review import Review
from tasks.presenting.abstention import broken_promise, tell_abstention
from tasks.presenting.answer_rule import brings_nothing, describe_rule
from tasks.presenting.epoch_tables import mean_epoch_table
from tasks.presenting.markdown import escape, table
from tasks.reports.answer_views import view_of
from tasks.reports.search_runs import describe_search
from tasks.results.cross_validation import CrossValidation
from tasks.results.depth import Scouted, tell_depth
from tasks.results.outcomes import RunResult
from thawline.scores.gates import Gate

MAX_EPOCHS = 12
UNCALIBRATED = 0.1
NOT_SCORED = ("Phase", "Epoch", "Folds")


def describe_run(result: RunResult, review: Review) -> str:
    """Return the summary of a run."""
    parts = [
        f"**{escape(result.verdict)}**",
        *[f"> {escape(alarm)}" for alarm in result.alarms],
        _subject(result, review),
        "### Gates",
        table(("gate", "value", "limit", "verdict", "in words"), [_gate_row(gate) for gate in result.gates]),
        "### Test set",
        _test_scores(review),
    ]
    rule = review.evaluation.rule
    if rule is not None:
        parts += ["### How it answers", describe_rule(rule)]
    if result.abstention is not None:
        parts += ["### What it leaves unanswered", tell_abstention(result.abstention)]
    if result.comparison is not None:
        parts += ["### Against the champion", _compared(review, result)]
    parts += [
        *([escape(result.onnx)] if result.onnx else []),
        "### Cross-validation",
        table(
            ("approach", *review.target.folded.values(), "training time"),
            [_fold_row(each, review.target) for each in review.approaches],
        ),
        *([] if result.dependence is None else [escape(result.dependence.sentence())]),
        *([] if result.mended is None else ["### Labels mended by people", escape(result.mended.sentence())]),
        *([] if result.scouted is None else ["### How deep fine-tuning pays", _describe_scouted(result.scouted)]),
        *([] if result.search is None else ["### Search", describe_search(result.search)]),
        "### Epochs of the fine-tuned model, mean over the folds",
        epoch_markdown(mean_epoch_table([fold.epochs for fold in review.tuned.folds])),
        "### What to do next",
        "\n".join(f"- {step}" for step in next_steps(result, review)),
        "### Time",
        ", ".join(f"{step} {seconds:.1f} s" for step, seconds in result.seconds.items()),
    ]
    return "\n\n".join(parts)


def _describe_scouted(scouted: Scouted) -> str:
    rows = [
        [
            tell_depth(one.depth),
            f"{one.score:.3f}",
            f"{one.loss:.4f}",
            f"{one.gain:.4f} ± {one.error:.4f}" if one.depth else "",
            f"{one.seconds:.0f} s" if one.depth else "",
        ]
        for one in scouted.rungs
    ]
    rows += [[tell_depth(depth), "not tried", "", "", f"{took:.0f} s"] for depth, took in scouted.too_long.items()]
    columns = ("trained", scouted.title, scouted.off, "lower than the head's by", "all folds and the final fit")
    chosen = f"On {scouted.num_judged} rows of the first fold. Trained: {tell_depth(scouted.depth)}."
    return f"{table(columns, rows)}\n\n{chosen}"


def epoch_markdown(epochs: pd.DataFrame) -> str:
    """Return the table Epoch | Training Loss | Validation Loss | Accuracy | F1-Score, or R² for the last two.

    Of more than MAX_EPOCHS epochs only the first and last of each phase and the one of the lowest validation loss.
    """
    shown = epochs
    if len(epochs) > MAX_EPOCHS:
        ends = epochs.groupby("Phase", sort=False).agg(first=("Epoch", "min"), last=("Epoch", "max"))
        kept = {*ends["first"], *ends["last"]}
        lowest = epochs["Validation Loss"]
        if lowest.notna().any():
            kept.add(epochs["Epoch"].iloc[int(lowest.argmin())])
        shown = epochs[epochs["Epoch"].isin(kept)]
    scored = [str(name) for name in epochs if name not in NOT_SCORED]
    rows = [[f"{row['Epoch']} ({row['Phase']})", *(_cell(row[name]) for name in scored)] for _, row in shown.iterrows()]
    left_out = "" if len(shown) == len(epochs) else f"\n\n{len(shown)} of {len(epochs)} epochs; all: `epochs.json`."
    return table(("Epoch", *scored), rows) + left_out


def next_steps(result: RunResult, review: Review) -> list[str]:
    """Return what a person should do now, the most important first."""
    failed = {gate.name for gate in result.gates if not gate.passed}
    steps = []
    if result.promoted:
        steps.append(
            f"Version {result.version} is champion: `thawline predict FILE` uses it; `thawline rollback` undoes it."
        )
    else:
        standing = "No version is champion yet." if review.judgement.champion is None else "The champion stays."
        steps.append(
            f"{standing} Look at the gates that failed; if you know better than they do: "
            f"`thawline promote {result.version} --reason ...`."
        )
    steps += _what_to_try(result, review)
    rule = review.evaluation.rule
    if rule is not None and brings_nothing(rule):
        steps.append("Its rule of answers brought nothing on out-of-fold rows: set `predict.decision: most_probable`.")
    if failed & {"precision kept", "recall kept", "gain over champion"}:
        steps.append("Look at `tables/flipped_rows.json`: the rows that were right before and are wrong now.")
    if "slice gap" in failed:
        steps.append("Collect more rows of the slice that is served worst, or look at how it was labelled.")
    if len(result.alarms) > bool(broken_promise(result.abstention)):
        steps.append("It overfits: fewer epochs, more dropout, or a smaller `train.learning_rate`.")
    if result.metrics.get("expected_calibration_error", 0.0) > UNCALIBRATED:
        steps.append(
            f"Probabilities are off by {result.metrics['expected_calibration_error']:.2f} on average (figure "
            "`reliability`): if they are used as such, set `predict.calibration: temperature`."
        )
    if review.audit is not None and review.audit.num_flagged:
        steps.append(
            f"Look at the {review.audit.num_flagged:,} training rows whose label looks wrong, in `evaluation.html`, "
            "and mend them: `thawline review` makes a page for that, `thawline review apply` takes the answers."
        )
    mistakes = "most confident mistakes" if review.target.has_classes else "rows that are farthest off"
    steps.append(f"Look at the {mistakes} in `evaluation.html`: some of them may be wrong labels.")
    return steps


def _what_to_try(result: RunResult, review: Review) -> Iterator[str]:
    """Yield what may better the fine-tuned model."""
    if result.candidate not in {review.tuned.name, BLEND}:
        yield "Fine-tuning does not beat the baseline yet: try more rows, or longer inputs (`model.max_tokens`)."
    larger = larger_than(encoder_name(review.context.params)) if review.target.has_classes else None
    if larger is not None and larger.modality == "text":
        fetch = "" if is_there(larger) else f"`thawline encoders get {larger.name}`, then "
        yield (
            f"A larger encoder often does more than any depth: {fetch}`thawline compare --encoder {larger.name}` says "
            "whether it does here, and for how many seconds."
        )
    for depth, seconds in (result.scouted.too_long if result.scouted else {}).items():
        enough = math.ceil(seconds / 60 * 1.2) * 60
        yield f"More time would try {tell_depth(depth)}: `--set train.max_seconds={enough}`."


def _compared(review: Review, result: RunResult) -> str:
    return view_of(review.target.name).compared(result.comparison, review.judgement.champion or "")


def _subject(result: RunResult, review: Review) -> str:
    counted = view_of(review.target.name).counted(review.train_labels)
    return (
        f"Version **{result.version}** of `{result.model}`, candidate **{result.candidate}**, learned from "
        f"{result.rows['train']:,} rows and tested on {result.rows['test']:,} (data version `{result.data_version}`; "
        f"training rows: {counted}). The whole evaluation: artifact `evaluation.html`."
    )


def _gate_row(gate: Gate) -> Sequence[str]:
    verdict = "passed" if gate.passed else "**failed**"
    return gate.name, f"{gate.value:.4f}", f"{gate.limit:.4f}", verdict, gate.message


def _fold_row(approach: CrossValidation, target: Target) -> Sequence[str]:
    scores = [f"{approach.mean(name):.4f} ± {approach.sd(name):.4f}" for name in target.folded]
    return approach.name, *scores, f"{approach.seconds:.1f} s"


def _test_scores(review: Review) -> str:
    """Return the table of test scores, the first two with their intervals."""
    names = review.target.shown
    ranged, plain = list(names)[:2], list(names)[2:]
    header = ("model", *(f"{names[name]} (95 % interval)" for name in ranged), *(names[name] for name in plain))
    rows = [
        (
            each.name,
            *("{:.4f} ({:.4f} to {:.4f})".format(each.scores[name], *each.intervals[name]) for name in ranged),
            *(_cell(each.scores.get(name)) for name in plain),
        )
        for each in review.evaluations
    ]
    return table(header, rows)


def _cell(value: float | None) -> str:
    return "" if value is None or pd.isna(value) else f"{value:.4f}"
