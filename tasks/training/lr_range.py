"""The learning-rate range test of a workspace: run on one fold's training part, recorded as a run of its own."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from prefect import task

from models.training.lr_range import NUM_STEPS, RangeCurve, find_rates
from tasks.caching import NO_CACHE
from tasks.presenting.figures import BLUE, ORANGE, canvas
from tasks.results.outcomes import SuggestedRate
from tasks.tracking import runs
from tasks.tracking.runs import Tracking
from tasks.training.device_slots import on_device
from tasks.training.setup import open_training
from thawline.context import Context
from thawline.params import Params
from thawline.system.console import progress


@task(name="learning-rate range test", cache_policy=NO_CACHE)
@on_device
def find_learning_rates(context: Context) -> list[RangeCurve]:
    """Test the head's phase and the first deeper one on the training part of the first fold; nothing is kept."""
    own = open_training(context, 0)
    with progress("learning-rate range test", 2 * NUM_STEPS) as advance:
        return list(find_rates(own.classifier, own.phases, own.data, own.settings, own.store, advance=advance))


def record_learning_rates(
    params: Params, tracking: Tracking, curves: Sequence[RangeCurve]
) -> tuple[str, list[SuggestedRate]]:
    """Record curves and suggestions as a run; return its id and the suggestions."""
    run_id = runs.start_run(tracking, "find learning rates", role="find-lr")
    runs.log_params(tracking, run_id, params)
    tracking.client.log_figure(run_id, draw_range_curves(curves), "figures/learning_rates.png")
    suggestions = [_suggestion(curve, params) for curve in curves]
    for curve, suggestion in zip(curves, suggestions, strict=True):
        if suggestion.suggested is not None:
            runs.log_scores(tracking, run_id, {f"suggested_{suggestion.param}": suggestion.suggested})
        for step, (rate, loss) in enumerate(zip(curve.learning_rates, curve.losses, strict=True)):
            values = {f"{curve.phase}_tested_rate": rate, f"{curve.phase}_loss": loss}
            runs.log_scores(tracking, run_id, values, step=step)
    runs.end_run(tracking, run_id)
    return run_id, suggestions


def draw_range_curves(curves: Sequence[RangeCurve]) -> Figure:
    """Draw the smoothed loss over the learning rate of each phase, with a line at the suggestion."""
    figure, all_axes = canvas(len(curves), width=5.5 * len(curves), title="Learning-rate range test")
    for axes, curve in zip(all_axes, curves, strict=True):
        axes.plot(curve.learning_rates, curve.losses, color=BLUE)
        axes.set(xscale="log", xlabel="Learning rate", ylabel="Smoothed training loss", title=f"Phase {curve.phase}")
        if curve.suggestion is not None:
            axes.axvline(curve.suggestion, color=ORANGE, linestyle="--", label=f"suggested: {curve.suggestion:.1e}")
            axes.legend(frameon=False)
    return figure


def _suggestion(curve: RangeCurve, params: Params) -> SuggestedRate:
    param = "head_learning_rate" if curve.phase == "head" else "learning_rate"
    return SuggestedRate(phase=curve.phase, param=param, used=getattr(params.train, param), suggested=curve.suggestion)
