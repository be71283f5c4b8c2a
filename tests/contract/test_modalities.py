"""Every module in modalities/ that is there keeps the promises of the record."""

import dataclasses
import subprocess
import sys

import pytest

from modalities import Modality, get_modality, list_modalities
from thawline.errors import ParamsError
from thawline.params.augment import Augment


@pytest.mark.parametrize("name", list_modalities())
def test_a_modality_fills_its_record(name: str) -> None:
    modality = get_modality(name)
    assert isinstance(modality, Modality)
    assert modality.name == name
    for field in dataclasses.fields(modality):
        assert field.default is None or getattr(modality, field.name) is not None
    assert get_modality(name) is modality


@pytest.mark.parametrize("name", list_modalities())
def test_a_stage_need_not_wait_for_a_heavy_library(name: str) -> None:
    heavy = "{'torch', 'transformers', 'great_expectations', 'mlflow', 'prefect'}"
    code = f"import sys, modalities.{name}; assert not {heavy} & set(sys.modules), {heavy} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_each_change_to_training_rows_is_of_some_modality_and_each_named_one_exists() -> None:
    claimed = [key for name in list_modalities() for key in get_modality(name).augments]
    assert {*claimed, "views"} == set(Augment.model_fields)
    assert len(claimed) == len(set(claimed))


def test_an_unknown_modality_is_refused_with_the_nearest() -> None:
    with pytest.raises(ParamsError, match=r"'texts' is not a modality; did you mean 'text'\?"):
        get_modality("texts")
