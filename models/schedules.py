"""Learning-rate schedules: pure functions from the step to a factor on the base rate.

A schedule rises linearly over its first steps, reaches 1 and falls on its course to the horizon. A new one is a
function of the share of the way that lies behind (0 to 1), with its name in `COURSES`.
"""

import math
from collections.abc import Callable

from thawline.errors import PolicyError

COURSES: dict[str, Callable[[float], float]] = {
    "constant": lambda _share: 1.0,
    "linear": lambda share: 1.0 - share,
    "cosine": lambda share: 0.5 * (1.0 + math.cos(math.pi * share)),
}


def learning_rate_factor(schedule: str, step: int, *, num_steps: int, warmup_share: float) -> float:
    """Return the factor (0 to 1) for one optimizer step.

    The first step of a warm-up is above 0 and the last step of a phase is too, so that no step is wasted.

    Args:
        schedule: Name of a course.
        step: 0 to num_steps - 1.
        num_steps: Planned steps of the phase.
        warmup_share: Share of the steps that warm up (0 to below 1).

    Raises:
        PolicyError: There is no such schedule.
    """
    if schedule not in COURSES:
        raise PolicyError(f"schedule '{schedule}' is unknown; train.schedule is one of {', '.join(sorted(COURSES))}")
    num_warmup = int(warmup_share * num_steps)
    if step < num_warmup:
        return (step + 1) / (num_warmup + 1)
    return COURSES[schedule]((step - num_warmup) / max(num_steps - num_warmup, 1))
