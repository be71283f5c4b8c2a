"""Params offer exactly what there is."""

from typing import get_args, get_type_hints

import pytest

from models.training.lr_schedules import COURSES
from models.training.policies import POLICIES
from models.training.records import TrainSettings
from thawline.params.learning import Train
from thawline.params.target import Target


def choices(name: str) -> set[str]:
    return set(get_args(Train.model_fields[name].annotation))


@pytest.mark.parametrize(
    ("name", "registry"), [("policy", POLICIES), ("schedule", COURSES)], ids=["policy", "schedule"]
)
def test_params_offer_what_the_registry_has(name: str, registry: dict[str, object]):
    assert choices(name) == set(registry)


@pytest.mark.parametrize("name", ["loss", "sampling", "averaging", "class_weights", "monitor"])
def test_params_offer_what_training_takes(name: str):
    own = {*get_args(Target.model_fields["loss"].annotation), "binary"} if name == "loss" else set()  # numbers, labels
    assert choices(name) | own == set(get_args(get_type_hints(TrainSettings)[name]))
