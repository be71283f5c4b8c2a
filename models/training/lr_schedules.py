"""Learning-rate schedules: pure functions from the step to a factor on the base rate.

A schedule rises over its first steps, the warm-up, reaches 1 and falls to the horizon. A new one is a `Course` in
`COURSES` under its name.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from thawline.errors import PolicyError

_SLANTED_RATIO = 32
"""How much lower the lowest rate is (ULMFiT, Howard and Ruder 2018, section 3.2: `ratio`)."""
_ONE_CYCLE_START, _ONE_CYCLE_END = 1 / 25, 1 / 25e4
"""Where the cycle begins and ends, as torch and fastai have it."""


@dataclass(frozen=True)
class Course:
    """How a factor runs: `rise` over the warm-up and `fall` after it, each a function of a share of the way (0 to 1).

    `rises_from_zero`: step 0 already lies one step along the way, so that it is not wasted.
    """

    fall: Callable[[float], float]
    rise: Callable[[float], float] = lambda share: share
    rises_from_zero: bool = True


def _cosine(start: float, end: float, share: float) -> float:
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))


COURSES: dict[str, Course] = {
    "constant": Course(fall=lambda _share: 1.0),
    "linear": Course(fall=lambda share: 1.0 - share),
    "cosine": Course(fall=lambda share: _cosine(1.0, 0.0, share)),
    # Smith 2018, "1cycle", with the two cosines of fastai and torch; the momentum stays as it is
    "one_cycle": Course(
        rise=lambda share: _cosine(_ONE_CYCLE_START, 1.0, share),
        fall=lambda share: _cosine(1.0, _ONE_CYCLE_END, share),
        rises_from_zero=False,
    ),
    # ULMFiT, section 3.2: the warm-up is its `cut_frac`
    "slanted_triangular": Course(
        rise=lambda share: (1 + share * (_SLANTED_RATIO - 1)) / _SLANTED_RATIO,
        fall=lambda share: (1 + (1 - share) * (_SLANTED_RATIO - 1)) / _SLANTED_RATIO,
        rises_from_zero=False,
    ),
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
    course = COURSES[schedule]
    num_warmup = int(warmup_share * num_steps)
    if step < num_warmup:
        return course.rise((step + 1) / (num_warmup + 1) if course.rises_from_zero else step / num_warmup)
    return course.fall((step - num_warmup) / max(num_steps - num_warmup, 1))
