"""How a comparison of approaches looks in MLflow: a run of its own, with a child run an approach."""

import pandas as pd
from prefect import task

from tasks.caching import NO_CACHE
from tasks.comparing.report import comparison_table, curves, draw_curves, recommend
from tasks.presenting.markdown import escape, table
from tasks.results.outcomes import ComparedApproaches
from tasks.tracking import runs
from tasks.tracking.runs import Tracking
from thawline.context import Context

COLUMNS = ("approach", "training time", "data needed", "performance")


@task(name="record comparison", cache_policy=NO_CACHE)
def record_comparison(context: Context, tracking: Tracking, compared: ComparedApproaches) -> ComparedApproaches:
    """Record a comparison; return it with the run's id, the table and the recommendation."""
    all_curves = curves(compared.measured)
    rows = comparison_table(all_curves, compared.baseline)
    advice = recommend(all_curves, compared.left_out)
    tags = {"thawline.data_version": context.data_version, "thawline.verdict": advice}
    run_id = runs.start_run(tracking, f"compare {context.data_version}", role="compare", tags=tags)
    runs.log_params(tracking, run_id, context.params)
    for curve in all_curves:
        child = runs.start_run(tracking, curve.approach, role="approach", parent=run_id)
        for point in curve.points:
            values = {
                "f1_macro": point.f1_macro,
                "f1_macro_low": point.low,
                "f1_macro_high": point.high,
                "training_seconds": point.seconds,
                "num_seeds": point.num_seeds,
            }
            runs.log_scores(tracking, child, values, step=point.num_rows)
        runs.end_run(tracking, child)
    tracking.client.log_table(run_id, pd.DataFrame(rows), "comparison.json")
    measured = pd.DataFrame([one.model_dump() for one in compared.measured])
    tracking.client.log_table(run_id, measured, "trainings.json")
    tracking.client.log_figure(run_id, draw_curves(all_curves, compared.baseline), "figures/comparison.png")
    runs.log_scores(tracking, run_id, {"seconds/comparison": compared.seconds})
    told = table(COLUMNS, [[str(row[name]) for name in COLUMNS] for row in rows])
    goal = (
        "Data needed: the smallest share that is as good as the baseline on all of its rows. Performance: macro-F1 on "
        "a fold that nothing looked at, mean over the seeds (lowest to highest)."
    )
    missing = "".join(f"\n- left out for want of time: {escape(name)}" for name in compared.left_out)
    runs.set_description(tracking, run_id, f"**{escape(advice)}**\n\n{told}\n\n{goal}{missing}")
    runs.end_run(tracking, run_id)
    return compared.model_copy(update={"run_id": run_id, "table": rows, "recommendation": advice})
