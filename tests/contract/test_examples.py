"""Every example is a workspace whose data passes its checks without a warning."""

from pathlib import Path

import pytest

pytest.importorskip("great_expectations")

from tasks.checking.validate import validate_file
from thawline.params.file import load_params
from thawline.params.reference import render_params
from thawline.workspace import Workspace

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted(path.parent for path in ROOT.glob("examples/*/params.yaml"))


@pytest.mark.parametrize("directory", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_fit_to_learn_from(directory: Path) -> None:
    params = load_params(Workspace(directory))
    assert params.name == directory.name
    assert params.arrive.initial is not None
    report = validate_file(directory / params.arrive.initial, params)
    assert [check.message for check in report.checks if not check.passed] == []


@pytest.mark.parametrize("directory", EXAMPLES, ids=lambda path: path.name)
def test_an_example_has_the_stages_of_every_workspace(directory: Path) -> None:
    assert (directory / "dvc.yaml").read_text() == (ROOT / "dvc.yaml").read_text()


@pytest.mark.parametrize("directory", [ROOT, *EXAMPLES], ids=lambda path: path.name)
def test_an_example_says_of_each_param_what_a_new_workspace_says(directory: Path) -> None:
    workspace = Workspace(directory)
    assert workspace.params_file.read_text() == render_params(load_params(workspace))
