"""An editor that goes by the schema says of a params.yaml what Thawline would say of it."""

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from thawline.params import Params
from thawline.params.reference import render_params
from thawline.params.schema import write_schema
from thawline.rooms import ROOT
from thawline.workspace import Workspace

FILES = [ROOT / "params.yaml", *sorted(ROOT.glob("examples/*/params.yaml"))]


def load(path: Path) -> dict:
    return YAML(typ="safe").load(path.read_text())


@pytest.fixture
def schema(tmp_path: Path) -> dict:
    write_schema(Workspace(tmp_path))
    return json.loads(Workspace(tmp_path).params_schema.read_text())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_a_params_file_names_the_schema_first_and_keeps_to_it(schema: dict, path: Path) -> None:
    first = path.read_text().splitlines()[0]
    assert first == "# yaml-language-server: $schema=.thawline/params.schema.json"
    assert render_params(Params(name="x")).splitlines()[0] == first
    assert Workspace(path.parent).params_schema == path.parent / first.partition("=")[2]
    jsonschema.validate(load(path), schema)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trian": {}}, "'trian' was unexpected"),
        ({"train": {"polcy": "full"}}, "'polcy' was unexpected"),
        ({"train": {"num_epochs": 0}}, "0 is less than the minimum of 1"),
        ({"seed": "seven"}, "'seven' is not of type 'integer'"),
    ],
    ids=lambda value: "",
)
def test_a_wrong_value_is_marked(schema: dict, changed: dict, said: str) -> None:
    with pytest.raises(jsonschema.ValidationError, match=said):
        jsonschema.validate({**load(ROOT / "params.yaml"), **changed}, schema)


def test_every_key_explains_itself_in_the_editor(schema: dict) -> None:
    for section in (schema, *schema["$defs"].values()):
        for key, value in section.get("properties", {}).items():
            meant = schema["$defs"].get(value.get("$ref", "").rpartition("/")[2], {})
            assert value.get("description") or meant.get("description"), key


def test_a_schema_of_another_version_is_replaced_and_one_of_this_is_left_alone(tmp_path: Path) -> None:
    path = Workspace(tmp_path).params_schema
    write_schema(Workspace(tmp_path))
    written = path.stat().st_mtime_ns
    write_schema(Workspace(tmp_path))
    assert path.stat().st_mtime_ns == written
    path.write_text("{}")
    write_schema(Workspace(tmp_path))
    assert json.loads(path.read_text())["properties"]
