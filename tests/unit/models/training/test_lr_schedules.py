import pytest
import torch

from models.training.lr_schedules import COURSES, learning_rate_factor
from thawline.errors import PolicyError


def factors(schedule: str, num_steps: int, warmup_share: float = 0.0) -> list[float]:
    return [
        learning_rate_factor(schedule, step, num_steps=num_steps, warmup_share=warmup_share)
        for step in range(num_steps)
    ]


@pytest.mark.parametrize("schedule", COURSES)
@pytest.mark.parametrize("warmup_share", [0.0, 0.1, 0.9])
@pytest.mark.parametrize("num_steps", [1, 2, 37])
def test_every_step_has_a_rate_that_rises_to_one_and_never_passes_it(
    schedule: str, warmup_share: float, num_steps: int
):
    course = factors(schedule, num_steps, warmup_share)
    peak = int(warmup_share * num_steps)
    assert course[peak] == 1
    assert course[: peak + 1] == sorted(course[: peak + 1])
    assert course[peak:] == sorted(course[peak:], reverse=True)
    assert all(0 < factor <= 1 for factor in course)


def test_linear_and_cosine_follow_torch():
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], lr=1.0)
    references = {
        "linear": torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.0, total_iters=20),
        "cosine": torch.optim.lr_scheduler.CosineAnnealingLR(torch.optim.SGD([parameter], lr=1.0), T_max=20),
    }
    for schedule, reference in references.items():
        expected = []
        for _ in range(20):
            expected.append(reference.get_last_lr()[0])
            reference.optimizer.step()
            reference.step()
        assert factors(schedule, 20) == pytest.approx(expected)


def test_one_cycle_follows_torch():
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=1000, cycle_momentum=False)
    expected = []
    for _ in range(1000):
        expected.append(reference.get_last_lr()[0])
        optimizer.step()
        reference.step() if len(expected) < 1000 else None
    assert factors("one_cycle", 1000, 0.3) == pytest.approx(expected, abs=0.006)  # torch counts from 0 to 999


def test_slanted_triangles_follow_their_paper():
    num_steps, cut_share, ratio = 200, 0.1, 32
    cut = int(num_steps * cut_share)
    shares = [step / cut if step < cut else 1 - (step - cut) / (cut * (1 / cut_share - 1)) for step in range(num_steps)]
    expected = [(1 + share * (ratio - 1)) / ratio for share in shares]
    assert factors("slanted_triangular", num_steps, cut_share) == pytest.approx(expected)


def test_an_unknown_schedule_names_the_known_ones():
    with pytest.raises(PolicyError, match=r"schedule 'step' is unknown; train.schedule is one of constant, cosine"):
        learning_rate_factor("step", 0, num_steps=1, warmup_share=0.0)
