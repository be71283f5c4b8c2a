"""The model card of a registered version, after Mitchell et al. (2019), "Model Cards for Model Reporting"."""

import importlib.metadata

from tasks.judging.review import Review
from tasks.presenting.abstention import tell_abstention
from tasks.presenting.answer_rule import describe_rule
from tasks.presenting.markdown import escape, table

SCORES = ("f1_macro", "accuracy", "balanced_accuracy", "precision_macro", "recall_macro", "loss", "brier")
LIBRARIES = ("mlflow", "numpy", "pandas", "scikit-learn", "torch", "transformers")


def render_card(review: Review, *, git_commit: str) -> str:
    """Return the card as Markdown: intended use, data, scores, classes, slices, limits, versions."""
    context, evaluation = review.context, review.evaluation
    params, has_classes = context.params, review.target.has_classes
    names = [name for name in (SCORES if has_classes else evaluation.scores) if name in evaluation.scores]
    test = [f"{evaluation.scores[name]:.4f}" for name in names]
    ranges = [
        "{:.4f} to {:.4f}".format(*evaluation.intervals[name]) if name in evaluation.intervals else "" for name in names
    ]
    classes = [
        (name, f"{scores['num_rows']:.0f}", *(f"{scores[metric]:.4f}" for metric in ("precision", "recall", "f1")))
        for name, scores in evaluation.per_class.items()
    ]
    rule = evaluation.rule
    parts = [
        f"# {params.name}: {evaluation.name}",
        f"**{escape(review.judgement.verdict)}**",
        "## Intended use",
        _use(review),
        *([] if rule is None else ["## How it answers", describe_rule(rule)]),
        "## Data",
        _data(review),
        "## Scores on the test set",
        table(("score", "value", "95 % interval"), list(zip(names, test, ranges, strict=True))),
        *(["## Classes", table(("class", "rows", "precision", "recall", "F1"), classes)] if classes else []),
        "## Slices",
        _slices(review),
        "## Limits",
        _limits(review),
        "## Versions",
        f"Code `{context.code_version}`, git commit `{git_commit}`, "
        + ", ".join(f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES)
        + ".",
    ]
    return "\n\n".join(parts)


def _use(review: Review) -> str:
    end = "." if review.evaluation.abstention is None else "; where `label` is empty, `no_answer` says why."
    return escape(review.target.purpose(review.context.params, review.classes)) + end


def _data(review: Review) -> str:
    group, time = review.context.params.split.group_column, review.context.params.split.time_column
    owners = "" if group is None else f" and rows of one {escape(group)}"
    drawn = "drawn by row id" if time is None else f"the latest of each arrival by {escape(time)}"
    return (
        f"Version `{review.context.data_version}`: {len(review.train_labels):,} training rows and {len(review.test):,} "
        f"test rows, {drawn}, near-duplicates{owners} on one side, read once. The run's `data/dvc.lock` names them."
    )


def _slices(review: Review) -> str:
    if not review.target.has_classes:
        return "Such answers are not scored by slices yet, so nothing is known about whom they serve worse."
    if not review.evaluation.slices:
        return "None were named (`validation.slice_columns`), so nothing is known about whom it serves worse."
    rows = [
        (each.column, each.value, str(each.num_rows), f"{each.accuracy:.4f}", f"{each.f1_macro:.4f}")
        for each in review.evaluation.slices
    ]
    return table(("column", "value", "rows", "accuracy", "macro-F1"), rows)


def _limits(review: Review) -> str:
    few = [name for name, scores in review.evaluation.per_class.items() if scores["num_rows"] < 30]
    kept, limits = review.evaluation.abstention, review.target.cautions(review.evaluation.scores)
    if kept is not None:
        limits[0] = f"{tell_abstention(kept)} Nothing is promised of rows that are unlike those learned from."
    if review.context.params.train.class_weights != "none":
        limits.append("It was trained with class weights: its probabilities are not the frequencies of the data.")
    scaled = review.context.params.predict.calibration != "none"
    outputs = (("temperature", scaled), ("rule of answers", review.evaluation.rule), ("limit of confidence", kept))
    parts = [name for name, there in outputs if there]
    if parts:
        limits.append(
            f"Its {' and '.join(parts)} {'is' if len(parts) == 1 else 'are'} applied by `mlflow.pyfunc`, "
            "`mlflow models serve` and `thawline predict`; a directory `transformers/` beside the model can't hold "
            "them: its logits are plain, and so is the class of the largest."
        )
    if few:
        limits.append(f"Fewer than 30 test rows speak for: {', '.join(map(escape, few[:10]))}.")
    return "\n".join(f"- {limit}" for limit in limits)
