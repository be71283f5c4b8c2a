"""DVC works with the params of the run, and the file is the user's own meanwhile."""

from pathlib import Path

from ruamel.yaml import YAML

from tasks.versioning import run_dvc
from thawline.params_file import overridden
from thawline.workspace import Workspace

STAGE = """
stages:
  split:
    cmd: >-
      python -c "from thawline.params_file import handed_params; print(handed_params()['split']['seed'],
      file=open('seed.txt', 'w'))"
    params: [split]
    outs: [seed.txt]
"""


def test_dvc_and_its_stages_read_what_was_set_for_the_run_whatever_the_file_says_meanwhile(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    run_dvc(workspace, "init", "-q", "--no-scm")
    (tmp_path / "dvc.yaml").write_text(STAGE)
    workspace.params_file.write_text("name: x\nsplit: {seed: 1}\n")
    with overridden(workspace, ["split.seed=3"]):
        workspace.params_file.write_text("name: x\nsplit: {seed: 2}\n")
        run_dvc(workspace, "repro")
    assert (tmp_path / "seed.txt").read_text() == "3\n"
    assert YAML().load(workspace.dvc_lock.read_bytes())["stages"]["split"]["params"] == {
        "params.yaml": {"split": {"seed": 3}}
    }
    assert workspace.params_file.read_text() == "name: x\nsplit: {seed: 2}\n"
