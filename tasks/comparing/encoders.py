"""Encoders beside each other, each left frozen under the exact head: which one suits the data, and what it costs.

The frozen pass is all that an encoder's trial takes, so a person can choose one before anything is fine-tuned. The same
goes for the format of its frozen layers. What staged training adds is measured for the best one alone.
"""

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import task

from modalities import encoder_name
from models.encoders.catalogue import short_name
from models.encoders.precision.small_layers import Precision
from tasks.caching import NO_CACHE
from tasks.candidates.frozen_features import cross_validate_frozen, has_frozen_features
from tasks.comparing.approaches import measure_frozen
from tasks.presenting.markdown import escape, table
from tasks.results import Result
from tasks.results.cross_validation import CrossValidation
from tasks.tracking import runs
from tasks.tracking.runs import Tracking
from tasks.training.linear_heads import pooled_vectors
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.errors import UsageError
from thawline.scores.metrics import row_losses, standard_error

BEYOND_CHANCE = 2.0
"""Standard errors of the rows' differences in log loss from which one encoder counts as better than another."""

WORTH_IT = 0.8
"""Of the seconds of the frozen pass, below which another format counts as faster."""

Losses = NDArray[np.float64]


class MeasuredEncoder(Result):
    """What a frozen encoder in a format with the exact head comes to.

    `f1_macro` is the mean over the folds and `sd` their deviation, `loss` the mean of all rows (nats), `gain` by how
    much it is below that of the encoder in use, or of the same encoder in the format in use, and `error` its standard
    error; `seconds` are those of the frozen pass over 1,000 rows, `num_features` the numbers that a row becomes.
    `memory_bytes` are those of the weights and a pass, `version_bytes` of the weights in a saved version.
    """

    encoder: str
    frozen_dtype: Precision = "float32"
    f1_macro: float
    sd: float
    loss: float
    gain: float
    error: float
    seconds: float
    num_features: int
    memory_bytes: int
    version_bytes: int

    @property
    def title(self) -> str:
        """What people call it."""
        return self.encoder if self.frozen_dtype == "float32" else f"{self.encoder}, {self.frozen_dtype}"


class StagedEncoder(Result):
    """What staged training makes of an encoder: as for `MeasuredEncoder`, `gain` beside the same encoder frozen.

    `depth` is the number of layer groups that the scout found to pay, if it was left to it.
    """

    encoder: str
    f1_macro: float
    sd: float
    loss: float
    gain: float
    error: float
    depth: int | None
    seconds: float


class ComparedEncoders(Result):
    """What `thawline compare --encoder` prints: the encoder in use first, and what follows."""

    run_id: str = ""
    encoders: list[MeasuredEncoder]
    staged: StagedEncoder | None = None
    recommendation: str
    seconds: float

    @property
    def table(self) -> list[dict[str, str]]:
        """What people see, an encoder in a format a row."""
        return [
            {
                "encoder": one.title,
                "macro-F1": f"{one.f1_macro:.4f} ± {one.sd:.4f}",
                "log loss": f"{one.loss:.4f}",
                "features": f"{one.num_features:,}",
                "s per 1,000 rows": f"{one.seconds:.1f}",
                "memory": f"{one.memory_bytes / 1e6:,.0f} MB",
                "version": f"{one.version_bytes / 1e6:,.1f} MB",
            }
            for one in self.encoders
        ]

    @property
    def summary(self) -> str:
        """The recommendation, and what staged training added."""
        if self.staged is None:
            return self.recommendation
        one = self.staged
        depth = "" if one.depth is None else f", {one.depth} layer groups deep"
        return (
            f"{self.recommendation} Staged training of {one.encoder}{depth}: macro-F1 {one.f1_macro:.4f} ± "
            f"{one.sd:.4f}, log loss lower by {one.gain:.4f} ± {one.error:.4f} than frozen, in {one.seconds:.0f} s."
        )


def measure_encoders(context: Context, names: Sequence[str], formats: Sequence[Precision] = ()) -> ComparedEncoders:
    """Score the encoder in use and those named on the same folds, in the format in use and in those named.

    Raises:
        UsageError: This kind of data has no encoder that was pretrained elsewhere, or nothing else is named.
        EncoderNotFoundError: Nothing loadable is where a name says.
        ParamsError: An encoder can't be in a format.
    """
    if not has_frozen_features(context.params):
        raise UsageError(
            f"encoders of {context.params.modality} data are made from its own rows; there are none to compare"
        )
    started = time.monotonic()
    used, usual = encoder_name(context.params), context.params.model.frozen_dtype
    others = {short_name(name): name for name in names if short_name(name) != short_name(used)}
    more = [each for each in dict.fromkeys(formats) if each != usual]
    if not others and not more:
        raise UsageError(f"{short_name(used)} is the encoder in use; name another to compare it with")
    measured: list[MeasuredEncoder] = []
    losses: dict[str, Losses] = {}
    for name in (used, *others.values()):
        one, losses[name] = _measure(_with(context, name, usual), losses.get(used))
        measured.append(one)
        measured += [_measure(_with(context, name, each), losses[name])[0] for each in more]
    return ComparedEncoders(encoders=measured, recommendation=recommend(measured), seconds=time.monotonic() - started)


def recommend(measured: Sequence[MeasuredEncoder]) -> str:
    """Return which encoder to take: the one in use unless another is better beyond chance; and in which format."""
    used = measured[0]
    others = [one for one in measured[1:] if one.frozen_dtype == used.frozen_dtype]
    better = [one for one in others if one.gain > BEYOND_CHANCE * one.error and one.f1_macro > used.f1_macro]
    best = max(better, key=lambda one: one.f1_macro, default=used)
    said = _recommend_format(best, [one for one in measured if one.encoder == best.encoder and one is not best])
    if best is used:
        told = f"Keep {used.encoder}: none of the {len(others)} others is better beyond chance." if others else ""
    else:
        told = (
            f"Take {best.encoder}: macro-F1 {best.f1_macro:.4f} against {used.f1_macro:.4f}, log loss lower by "
            f"{best.gain:.4f} ± {best.error:.4f}, for {best.seconds / used.seconds:.1f} times the seconds of the "
            "frozen pass. Write it into params.yaml as model.encoder, or try it: "
            f"thawline run --set 'model.encoder={best.encoder}'"
        )
    return " ".join(filter(None, (told, said)))


def _recommend_format(usual: MeasuredEncoder, others: Sequence[MeasuredEncoder]) -> str:
    """Return which format is worth it: as good but for chance, and faster."""
    if not others:
        return ""
    as_good = [one for one in others if one.gain > -BEYOND_CHANCE * one.error]
    faster = [one for one in as_good if one.seconds < WORTH_IT * usual.seconds]
    if not faster:
        why = "faster" if as_good else "as good"
        return f"Keep {usual.frozen_dtype}: no other format is {why}."
    best = min(faster, key=lambda one: one.seconds)
    return (
        f"{best.frozen_dtype} is as good as {usual.frozen_dtype} but for chance (log loss lower by {best.gain:.4f} ± "
        f"{best.error:.4f}), in {best.seconds / usual.seconds:.2f} times the seconds, and a version takes "
        f"{best.version_bytes / usual.version_bytes:.2f} times the bytes: model.frozen_dtype={best.frozen_dtype}"
    )


def best_work(context: Context, compared: ComparedEncoders) -> Context:
    """Return the work with the encoder, in the format in use, that is best frozen."""
    usual = [one for one in compared.encoders if one.frozen_dtype == context.params.model.frozen_dtype]
    best = max(usual, key=lambda one: one.f1_macro)
    return context if best is usual[0] else _with(context, best.encoder, best.frozen_dtype)


def add_staged(work: Context, compared: ComparedEncoders, staged: CrossValidation) -> ComparedEncoders:
    """Return a comparison with what staged training of its best encoder came to.

    Args:
        work: With that encoder, as deep as it paid.
        compared: The comparison.
        staged: The folds.
    """
    labels = load_train_set(work)
    found, before = _losses(staged, labels), _losses(cross_validate_frozen(work), labels)
    gains = (before - found)[np.isfinite(before - found)]
    one = StagedEncoder(
        encoder=short_name(encoder_name(work.params)),
        f1_macro=staged.mean(),
        sd=staged.sd(),
        loss=float(np.nanmean(found)),
        gain=float(gains.mean()),
        error=standard_error(gains),
        depth=work.params.train.depth,
        seconds=sum(fold.seconds for fold in staged.folds),
    )
    return compared.model_copy(update={"staged": one, "seconds": compared.seconds + one.seconds})


@task(name="record comparison of encoders", cache_policy=NO_CACHE)
def record_encoders(context: Context, tracking: Tracking, compared: ComparedEncoders) -> ComparedEncoders:
    """Record a comparison as a run of its own; return it with the run's id."""
    tags = {"thawline.data_version": context.data_version, "thawline.verdict": compared.summary}
    run_id = runs.start_run(tracking, f"compare encoders {context.data_version}", role="compare", tags=tags)
    runs.log_params(tracking, run_id, context.params)
    tracking.client.log_table(run_id, pd.DataFrame([one.model_dump() for one in compared.encoders]), "encoders.json")
    runs.log_scores(tracking, run_id, {"seconds/comparison": compared.seconds})
    rows = compared.table
    told = table(list(rows[0]), [list(row.values()) for row in rows])
    runs.set_description(tracking, run_id, f"**{escape(compared.summary)}**\n\n{told}")
    runs.end_run(tracking, run_id)
    return compared.model_copy(update={"run_id": run_id})


def _with(context: Context, name: str, precision: Precision) -> Context:
    return context.with_params(context.params.with_values("model", encoder=name, frozen_dtype=precision))


def _measure(work: Context, before: Losses | None) -> tuple[MeasuredEncoder, Losses]:
    found = cross_validate_frozen(work)
    losses = _losses(found, load_train_set(work))
    gains = np.zeros(len(losses)) if before is None else before - losses
    gains, cost = gains[np.isfinite(losses)], measure_frozen(work, 0)
    one = MeasuredEncoder(
        encoder=short_name(encoder_name(work.params)),
        frozen_dtype=work.params.model.frozen_dtype,
        f1_macro=found.mean(),
        sd=found.sd(),
        loss=float(np.nanmean(losses)),
        gain=float(gains.mean()),
        error=standard_error(gains),
        seconds=1000 * cost.seconds,
        num_features=pooled_vectors(work, 0).shape[-1],
        memory_bytes=cost.memory_bytes,
        version_bytes=cost.version_bytes,
    )
    return one, losses


def _losses(found: CrossValidation, data: TrainSet) -> Losses:
    """Return the log loss of each row (N,) in the fold that scored it; NaN where none did."""
    probabilities = found.out_of_fold(len(data.labels), len(data.classes))
    scored = np.isfinite(probabilities).all(axis=1)
    losses = np.full(len(data.labels), np.nan)
    losses[scored] = row_losses(data.labels[scored], probabilities[scored])
    return losses
