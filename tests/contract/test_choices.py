"""Params offer exactly what there is."""

from typing import get_args, get_type_hints

import pytest

from models.policies import POLICIES
from models.records import TrainSettings
from models.schedules import COURSES
from thawline.model_params import Train


def choices(name: str) -> set[str]:
    return set(get_args(Train.model_fields[name].annotation))


@pytest.mark.parametrize(
    ("name", "registry"), [("policy", POLICIES), ("schedule", COURSES)], ids=["policy", "schedule"]
)
def test_params_offer_what_the_registry_has(name: str, registry: dict[str, object]):
    assert choices(name) == set(registry)


@pytest.mark.parametrize("name", ["loss", "sampling", "averaging", "class_weights", "monitor"])
def test_params_offer_what_training_takes(name: str):
    assert choices(name) == set(get_args(get_type_hints(TrainSettings)[name]))
