"""Encoders beside each other, each left frozen under the exact head: which one suits the data, and what it costs.

The frozen pass is all that an encoder's trial takes, so a person can choose one before anything is fine-tuned.
"""

import time
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import task

from modalities import encoder_name
from models.encoders.catalogue import short_name
from tasks.caching import NO_CACHE
from tasks.candidates.frozen_features import cross_validate_frozen, has_frozen_features
from tasks.comparing.approaches import frozen_seconds
from tasks.presenting.markdown import escape, table
from tasks.results import Result
from tasks.tracking import runs
from tasks.tracking.runs import Tracking
from tasks.training.linear_heads import pooled_vectors
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.errors import UsageError
from thawline.scores.metrics import row_losses, standard_error

BEYOND_CHANCE = 2.0
"""Standard errors of the rows' differences in log loss from which one encoder counts as better than another."""

Losses = NDArray[np.float64]


class MeasuredEncoder(Result):
    """What a frozen encoder with the exact head comes to.

    `f1_macro` is the mean over the folds and `sd` their deviation, `loss` the mean of all rows (nats), `gain` by how
    much it is below that of the encoder in use and `error` its standard error; `seconds` are those of the frozen pass
    over 1,000 rows, `num_features` the numbers that a row becomes.
    """

    encoder: str
    f1_macro: float
    sd: float
    loss: float
    gain: float
    error: float
    seconds: float
    num_features: int


class ComparedEncoders(Result):
    """What `thawline compare --encoder` prints: the encoder in use first, and what follows."""

    run_id: str = ""
    encoders: list[MeasuredEncoder]
    recommendation: str
    seconds: float

    @property
    def table(self) -> list[dict[str, str]]:
        """What people see, an encoder a row."""
        return [
            {
                "encoder": one.encoder,
                "macro-F1": f"{one.f1_macro:.4f} ± {one.sd:.4f}",
                "log loss": f"{one.loss:.4f}",
                "features": f"{one.num_features:,}",
                "s per 1,000 rows": f"{one.seconds:.1f}",
            }
            for one in self.encoders
        ]


def measure_encoders(context: Context, names: Sequence[str]) -> ComparedEncoders:
    """Score the encoder in use and those named on the same folds.

    Raises:
        UsageError: This kind of data has no encoder that was pretrained elsewhere, or no other is named.
        EncoderNotFoundError: Nothing loadable is where a name says.
    """
    if not has_frozen_features(context.params):
        raise UsageError(
            f"encoders of {context.params.modality} data are made from its own rows; there are none to compare"
        )
    started = time.monotonic()
    used = encoder_name(context.params)
    others = {short_name(name): name for name in names if short_name(name) != short_name(used)}
    if not others:
        raise UsageError(f"{short_name(used)} is the encoder in use; name another to compare it with")
    measured: list[MeasuredEncoder] = []
    before: Losses | None = None
    for name in (used, *others.values()):
        one, losses = _measure(context, name, before)
        before = losses if before is None else before
        measured.append(one)
    return ComparedEncoders(encoders=measured, recommendation=recommend(measured), seconds=time.monotonic() - started)


def recommend(measured: Sequence[MeasuredEncoder]) -> str:
    """Return which encoder to take: the one in use unless another is better beyond chance."""
    used, *others = measured
    better = [one for one in others if one.gain > BEYOND_CHANCE * one.error and one.f1_macro > used.f1_macro]
    if not better:
        return f"Keep {used.encoder}: none of the {len(others)} others is better beyond chance."
    best = max(better, key=lambda one: one.f1_macro)
    return (
        f"Take {best.encoder}: macro-F1 {best.f1_macro:.4f} against {used.f1_macro:.4f}, log loss lower by "
        f"{best.gain:.4f} ± {best.error:.4f}, for {best.seconds / used.seconds:.1f} times the seconds of the frozen "
        "pass. Write it into params.yaml as model.encoder, or try it: "
        f"thawline run --set 'model.encoder={best.encoder}'"
    )


@task(name="record comparison of encoders", cache_policy=NO_CACHE)
def record_encoders(context: Context, tracking: Tracking, compared: ComparedEncoders) -> ComparedEncoders:
    """Record a comparison as a run of its own; return it with the run's id."""
    tags = {"thawline.data_version": context.data_version, "thawline.verdict": compared.recommendation}
    run_id = runs.start_run(tracking, f"compare encoders {context.data_version}", role="compare", tags=tags)
    runs.log_params(tracking, run_id, context.params)
    tracking.client.log_table(run_id, pd.DataFrame([one.model_dump() for one in compared.encoders]), "encoders.json")
    runs.log_scores(tracking, run_id, {"seconds/comparison": compared.seconds})
    rows = compared.table
    told = table(list(rows[0]), [list(row.values()) for row in rows])
    runs.set_description(tracking, run_id, f"**{escape(compared.recommendation)}**\n\n{told}")
    runs.end_run(tracking, run_id)
    return compared.model_copy(update={"run_id": run_id})


def _measure(context: Context, name: str, before: Losses | None) -> tuple[MeasuredEncoder, Losses]:
    work = context.with_params(context.params.with_values("model", encoder=name))
    data = load_train_set(work)
    found = cross_validate_frozen(work)
    probabilities = found.out_of_fold(len(data.labels), len(data.classes))
    scored = np.isfinite(probabilities).all(axis=1)
    losses = row_losses(data.labels[scored], probabilities[scored])
    gains = np.zeros(len(losses)) if before is None else before - losses
    one = MeasuredEncoder(
        encoder=short_name(name),
        f1_macro=found.mean(),
        sd=found.sd(),
        loss=float(losses.mean()),
        gain=float(gains.mean()),
        error=standard_error(gains),
        seconds=1000 * frozen_seconds(work, 0),
        num_features=pooled_vectors(work, 0).shape[-1],
    )
    return one, losses
