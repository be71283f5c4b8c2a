"""The label audit: which training rows are probably labelled wrong, and what it brings if they count less, or not.

The best approach's out-of-fold probabilities judge each row by a model that did not see it. Who reads the effect must
know two things: those rows still count in full, under the labels they came with, when the folds are scored, so that a
gain is real but a loss may be the wrong labels' own; and a fold's scored rows had a say in which rows those are.
"""

import html
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from prefect import task

from modalities import get_modality
from targets import target_of
from tasks.caching import NO_CACHE
from tasks.results import Result
from tasks.results.cross_validation import CrossValidation, best_of
from tasks.tracking.runs import Tracking, log_scores
from tasks.training.row_weights import name_rows
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.formats.spreadsheets import guarded, to_csv
from thawline.params.outcome import Audit
from thawline.rows.label_issues import find_label_issues
from thawline.system.console import console
from thawline.system.files import write_atomically
from thawline.workspace import Workspace

STEM = "label_issues"
MAX_SHOWN = 1000
NUM_WORST = 20
"""Issues that the evaluation page shows whole."""


class LabelIssue(Result):
    """A training row, by its position, whose label is probably wrong; `score` is the probability of the given one."""

    row: int
    given: str
    suggested: str
    score: float
    probability: float


class LabelAudit(Result):
    """What the audit found: by which approach, how many rows, the worst of them, the worst first.

    `left_out` is the set's name if they are to count less, or not at all.
    """

    approach: str
    num_rows: int
    num_flagged: int
    left_out: str = ""
    worst: tuple[LabelIssue, ...] = ()


@task(name="label audit", cache_policy=NO_CACHE)
def audit_labels(
    context: Context, tracking: Tracking, run_id: str, approaches: Sequence[CrossValidation]
) -> LabelAudit | None:
    """Rank the training rows whose label is probably wrong; write reports/label_issues.csv and .html, and to MLflow.

    None where labels are no classes: that of a number is wrong by more or less.

    Raises:
        StorageError: No permission, or no space.
    """
    if not target_of(context.params).has_classes:
        return None
    data, best = load_train_set(context), best_of(approaches)
    probabilities = best.out_of_fold(len(data.labels), len(data.classes))[data.scored]
    issues = find_label_issues(data.labels[data.scored], probabilities, data.classes)
    issues = issues.assign(row=data.scored[issues["row"].to_numpy()])
    frame = data.frame.iloc[issues["row"]].reset_index(drop=True)
    shown = pd.DataFrame(
        {
            "row_id": frame["row_id"],
            "source": frame["source"],
            "source_row": frame["source_row"],
            **{name: issues[name] for name in ("given", "suggested", "score", "probability")},
            "excerpt": get_modality(context.params.modality).excerpt(frame),
        }
    )
    audit = LabelAudit(
        approach=best.name,
        num_rows=len(data.scored),
        num_flagged=len(shown),
        left_out=_set_aside(context, issues["row"].to_numpy(np.int64)),
        worst=tuple(LabelIssue.model_validate(row) for row in issues.head(NUM_WORST).to_dict("records")),
    )
    write_issues(context.workspace, shown, audit)
    log_scores(tracking, run_id, {"label_issues": len(shown)})
    for suffix in ("csv", "html"):
        tracking.client.log_artifact(run_id, str(context.workspace.reports / f"{STEM}.{suffix}"), "reports")
    if len(shown):
        tracking.client.log_table(run_id, shown.head(MAX_SHOWN), f"{STEM}.json")
    share = len(shown) / max(audit.num_rows, 1)
    console.print(
        f"  {len(shown):,} of {audit.num_rows:,} labels ({share:.1%}) look wrong to {best.name}", markup=False
    )
    return audit


def _set_aside(context: Context, rows: NDArray[np.int64]) -> str:
    """Name the rows as `audit.policy` has it; '' if they are only reported."""
    audit = context.params.audit
    if audit.policy == "report":
        return ""
    return name_rows(context, rows, weight=audit.weight if audit.policy == "down_weight" else 0.0)


def write_issues(workspace: Workspace, issues: pd.DataFrame, audit: LabelAudit) -> None:
    """Write the ranked table as CSV and as a page.

    Raises:
        StorageError: No permission, or no space.
    """
    write_atomically(workspace.reports / f"{STEM}.csv", to_csv(guarded(issues)).encode())
    write_atomically(workspace.reports / f"{STEM}.html", render_issues(issues, audit).encode())


def render_issues(issues: pd.DataFrame, audit: LabelAudit) -> str:
    """Return the page: self-contained, and inert whatever the data says."""
    cells = [
        "".join(f"<td>{html.escape(_text(value))}</td>" for value in row) for row in issues.head(MAX_SHOWN).to_numpy()
    ]
    header = "".join(f"<th>{html.escape(str(name).replace('_', ' '))}</th>" for name in issues.columns)
    rest = f"; the first {MAX_SHOWN:,} are shown, {STEM}.csv has all" if len(issues) > MAX_SHOWN else ""
    body = "".join(f"<tr>{row}</tr>" for row in cells)
    return f"""<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Label issues</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 72rem; padding: 0 1rem; color: #222 }}
div {{ overflow-x: auto }} table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .3rem .6rem; border-bottom: 1px solid #ddd; vertical-align: top }}
td {{ overflow-wrap: anywhere; min-width: 5rem }}
</style>
<h1>Labels that look wrong</h1>
<p>{audit.num_flagged:,} of {audit.num_rows:,} training rows, the most suspicious first{rest}. Each was judged by a
model ({html.escape(audit.approach)}) that did not see it. <em>score</em> is the probability of the label given,
<em>probability</em> that of the label suggested. Look before you mend: a model errs too. <code>thawline review</code>
makes a page on which labels are mended.</p>
<div><table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table></div>
</html>
"""


@task(name="record label audit", cache_policy=NO_CACHE)
def record_effect(
    audit: Audit,
    tracking: Tracking,
    run_id: str,
    before: Sequence[CrossValidation],
    after: Sequence[CrossValidation],
) -> dict[str, float]:
    """Say and record what it changed in macro-F1 on the same scored rows that the flagged ones count less."""
    way = f"counting {audit.weight:g}" if audit.policy == "down_weight" else "left out"
    known = {each.name: each for each in before}
    effects = {new.name: new.mean() - known[new.name].mean() for new in after}
    for old, new in ((known[new.name], new) for new in after):
        console.print(
            f"  {new.name}: macro-F1 {old.mean():.4f} with them, {new.mean():.4f} with them {way} "
            f"({effects[new.name]:+.4f}); in the score they count in full, under the labels given",
            markup=False,
        )
        values = {"with": old.mean(), audit.policy: new.mean(), "effect": effects[new.name]}
        log_scores(tracking, run_id, {f"label_audit/{new.name}/{key}": value for key, value in values.items()})
    return effects


def _text(value: Any) -> str:
    return f"{value:.4f}" if isinstance(value, float) else str(value)
