"""Params say what is wrong with them, and --set changes no file."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from thawline.errors import ParamsError
from thawline.params import Params
from thawline.params.file import handed_params, load_params, overridden, parse_params, with_overrides
from thawline.params.reference import list_fields, render_params
from thawline.workspace import Workspace

BAD = [
    pytest.param({}, [], "name is missing", id="required value missing"),
    pytest.param({"name": "a b"}, [], "name = 'a b'", id="name with a space"),
    pytest.param({"name": "x", "trian": {}}, [], "did you mean 'train'", id="unknown section"),
    pytest.param({"name": "x"}, ["train.polcy=full"], "did you mean 'train.policy'", id="unknown key"),
    pytest.param({"name": "x"}, ["train.policy=half"], "train.policy = 'half'", id="not one of the choices"),
    pytest.param({"name": "x"}, ["train.num_epochs=0"], "greater than or equal to 1", id="below its bound"),
    pytest.param({"name": "x"}, ["split.test_share=2"], "less than 0.9", id="above its bound"),
    pytest.param({"name": "x"}, ["split.test_share=much"], "valid number", id="text for a number"),
    pytest.param(
        {"name": "x"}, ["predict.max_error=0.1", "predict.min_confidence=0.5"], "set one of them", id="two limits"
    ),
    pytest.param(
        {"name": "x"}, ["predict.coverage=0.95", "predict.min_confidence=0.5"], "set one of them", id="limit and share"
    ),
    pytest.param({"name": "x"}, ["train"], "not of the form KEY=VALUE", id="no equals sign"),
    pytest.param({"name": "x"}, ["=3"], "not of the form KEY=VALUE", id="no key"),
    pytest.param({"name": "x"}, ["name.first=a"], "a value, not a section", id="through a value"),
    pytest.param({"name": "x", "train": 3}, [], "train = 3", id="number for a section"),
]


@pytest.mark.parametrize(("values", "overrides", "message"), BAD)
def test_a_wrong_value_is_refused_with_value_and_remedy(
    values: dict[str, object], overrides: list[str], message: str
) -> None:
    with pytest.raises(ParamsError, match=message) as caught:
        parse_params(values, overrides)
    assert "`" in str(caught.value) or "did you mean" in str(caught.value) or "write" in str(caught.value)


def test_a_wrong_override_is_not_blamed_on_the_file_alone(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("name: x\n")
    with pytest.raises(ParamsError, match=r"params\.yaml with --set split\.folds=3 is not valid"):
        load_params(Workspace(tmp_path), ["split.folds=3"])


@pytest.mark.parametrize("content", ["a: [", "- 1\n- 2\n", "just text"], ids=["broken", "a list", "a text"])
def test_a_file_that_is_not_sections_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "params.yaml").write_text(content)
    with pytest.raises(ParamsError, match=r"params\.yaml"):
        load_params(Workspace(tmp_path))


def test_overrides_are_read_as_yaml_and_leave_the_original_alone() -> None:
    values = {"name": "x", "train": {"num_epochs": 1}}
    result = with_overrides(
        values, ["train.num_epochs=4", "validation.labels=[a, b]", "train.max_unfrozen_groups=null"]
    )
    assert result["train"] == {"num_epochs": 4, "max_unfrozen_groups": None}
    assert result["validation"]["labels"] == ["a", "b"]
    assert values == {"name": "x", "train": {"num_epochs": 1}}


def test_overrides_are_handed_on_and_the_file_is_the_users_own_meanwhile(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.params_file.write_bytes(b"name: x  # mine\nclean: {}\n")
    edited = b"name: y  # edited meanwhile\n"
    with overridden(workspace, ["clean.conflicting_labels=drop"]):
        assert workspace.params_file.read_bytes() == b"name: x  # mine\nclean: {}\n"
        workspace.params_file.write_bytes(edited)
        assert handed_params() == {"name": "x", "clean": {"conflicting_labels": "drop"}}
    assert handed_params() is None
    assert workspace.params_file.read_bytes() == edited
    assert not workspace.state.exists()


def test_a_rendered_params_yaml_gives_the_same_params_back() -> None:
    search = {"space": {"train.learning_rate": {"low": 1e-5, "high": 1e-3, "log": True}}}
    values = {
        "validation": {"labels": ["ja", "nein"]},
        "train": {"adapters": {"kind": "lora", "targets": ["q"]}},
        "search": search,
    }
    params = parse_params({"name": "x", **values})
    assert Params.model_validate(YAML(typ="safe").load(render_params(params))) == params


def test_every_param_has_a_description_and_numbers_have_bounds() -> None:
    for key, kind, _, description in list_fields():
        assert len(description) > 10, key
        if not kind.startswith("'") and ("integer" in kind or "number" in kind):  # no choice of words
            assert "at least" in kind or "above" in kind, f"{key} has no lower bound"
