"""What people's answers about labels have brought: a cheap approach learns from the labels of before and of now.

Both are scored on the same rows, those whose label nobody has changed: on the others the labels of now would win by
being the ones that are asked for.
"""

import dataclasses
import json
from collections.abc import Sequence

import numpy as np
from prefect import task

from targets import target_of
from tasks.caching import NO_CACHE
from tasks.candidates.dependence import cheap_approach
from tasks.results.cross_validation import CrossValidation
from tasks.results.mended import Mended
from tasks.tracking.runs import Tracking, log_scores
from tasks.training.row_weights import trained_on
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.mending.tally import Tally
from thawline.rows.columns import ARRIVED
from thawline.scores.metrics import score
from thawline.system.console import console

NO_CLASS = -1
"""Of a row that arrived without a label, or with one that no row has any more: it could not be learned from."""


@task(name="mended labels", cache_policy=NO_CACHE)
def measure_mended(
    context: Context, tracking: Tracking, run_id: str, baselines: Sequence[CrossValidation]
) -> Mended | None:
    """Say and record what people's answers have brought; None where nobody has answered."""
    report = json.loads((context.workspace.reports / "ingest.json").read_bytes())
    if "corrections" not in report:
        return None
    found = compare_with_arrived(context, baselines, Tally.model_validate(report["corrections"]))
    scores = {"labels_changed": float(sum(found.tally.changed.values())), "flags_agreed": float(found.tally.agreed)}
    if found.before:
        scores |= {"before": float(np.mean(found.before)), "after": float(np.mean(found.after))}
    log_scores(tracking, run_id, {f"mended/{name}": value for name, value in scores.items()})
    console.print(f"  {found.sentence()}", markup=False)
    return found


def compare_with_arrived(context: Context, baselines: Sequence[CrossValidation], tally: Tally) -> Mended:
    """Return the comparison; without scores where no training row has another label, or the approach did not fit."""
    if not target_of(context.params).has_classes:
        return Mended(tally=tally)
    data, (name, fit) = load_train_set(context), cheap_approach(context)
    if ARRIVED not in data.frame or name not in {one.name for one in baselines}:
        return Mended(tally=tally)
    numbers = {label: number for number, label in enumerate(data.classes)}
    arrived = np.array([numbers.get(label, NO_CLASS) for label in data.frame[ARRIVED]], dtype=np.int64)
    is_same = arrived == data.labels
    if is_same.all():
        return Mended(tally=tally)
    old = dataclasses.replace(data, labels=arrived)
    before, after = list[float](), list[float]()
    for fold in range(data.num_folds):
        learned, scored = data.fold_rows(fold)
        learned, scored = trained_on(context, learned), scored[is_same[scored]]
        for labels, rows, scores in ((old, learned[arrived[learned] != NO_CLASS], before), (data, learned, after)):
            scores.append(score(data.labels[scored], fit(context, labels, rows, scored)).f1_macro)
    return Mended(tally=tally, approach=name, before=tuple(before), after=tuple(after))
