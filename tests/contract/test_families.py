"""Every module in models/encoders/families/ that is there keeps the promises of the record."""

import dataclasses

import pytest

from models.encoders.families import EncoderSource, Family, find_family, get_family, list_families

KINDS = {get_family(name).takes for name in list_families()}


@pytest.mark.parametrize("name", list_families())
def test_a_family_fills_its_record(name: str) -> None:
    family = get_family(name)
    assert isinstance(family, Family)
    assert family.name == name
    for field in dataclasses.fields(family):
        assert getattr(family, field.name) is not None
    assert name in list_families(family.takes)


@pytest.mark.parametrize("takes", sorted(KINDS))
def test_only_families_of_that_kind_are_looked_at(takes: str) -> None:
    assert {get_family(name).takes for name in list_families(takes)} == {takes}


def test_a_source_that_no_family_recognises_has_none() -> None:
    assert find_family(EncoderSource("file", "weights.pth", architecture="resnet18"), takes="token ids") is None


def test_an_unknown_family_is_refused_with_those_there_are() -> None:
    with pytest.raises(KeyError, match="family 'sounds' is not one of images, tables, timm, tokens"):
        get_family("sounds")
