"""After an upgrade the stages run anew by themselves, and never under the name of other rules."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tasks import rules
from tasks.rules import DVC_YAML, VERSION, bring_stages, require_version, stages_before_training
from tasks.versions.dvc_repo import run_dvc, write_dvc_config
from thawline.errors import UsageError
from thawline.params.file import handed_params, overridden
from thawline.workspace import Workspace

OURS = DVC_YAML.read_text()
EARLIER = OURS.replace(f" --rules {VERSION}", "")
OWN = "  mine:\n    cmd: echo mine # kept\n"


@pytest.mark.parametrize("own", ["", OWN])
def test_a_dvc_yaml_of_an_earlier_version_is_brought_up_to_date_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, own: str
) -> None:
    (tmp_path / "dvc.yaml").write_text(EARLIER + own)
    workspace = Workspace(tmp_path)
    assert bring_stages(workspace) == ["ingest", "clean", "split"]
    assert "ingest, clean, split brought to this one" in caplog.text
    content = (tmp_path / "dvc.yaml").read_text()
    assert YAML(typ="safe").load(content)["stages"] == YAML(typ="safe").load(OURS + own)["stages"]
    assert content == OURS or own in content
    assert (workspace.state / "dvc.yaml.before").read_text() == EARLIER + own
    assert bring_stages(workspace) == []
    assert (tmp_path / "dvc.yaml").read_text() == content


BEFORE = {
    "a section": "name: mails # ours\nsplit: # of rows\n  # test\n  test_share: 0.3\n\ntrain:\n  policy: full\n",
    "on a line": "name: mails\nsplit: {test_share: 0.3}\n",
}


@pytest.mark.parametrize("form", BEFORE)
def test_params_that_a_stage_names_and_an_earlier_version_did_not_have_are_written_with_their_defaults(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, form: str
) -> None:
    (tmp_path / "dvc.yaml").write_text(OURS)
    (tmp_path / "params.yaml").write_text(BEFORE[form])
    workspace = Workspace(tmp_path)
    with overridden(workspace, ["split.seed=3"]):
        bring_stages(workspace)
        handed = handed_params()
    assert handed is not None
    written = (tmp_path / "params.yaml").read_text()
    found = YAML(typ="safe").load(written)
    assert found["split"] == {"test_share": 0.3, "group_column": None, "time_column": None}
    assert handed["split"] == {**found["split"], "seed": 3}
    assert found["validation"] == {"slice_columns": []}
    assert [line for line in BEFORE["a section"].splitlines() if line not in written] == [] or form != "a section"
    assert "params.yaml had no validation.slice_columns, split.group_column" in caplog.text
    caplog.clear()
    bring_stages(workspace)
    assert (tmp_path / "params.yaml").read_text() == written
    assert caplog.text == ""


@pytest.mark.parametrize("content", [None, "", "stages", "{", "stages: []\n"])
def test_what_is_no_dvc_yaml_of_ours_is_left_to_dvc(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "dvc.yaml").write_text(content)
    assert bring_stages(Workspace(tmp_path)) == []
    assert content is None or (tmp_path / "dvc.yaml").read_text() == content


def test_a_stage_refuses_the_command_of_other_rules() -> None:
    require_version([])
    require_version(["--rules", str(VERSION)])
    for wrong in (["--rules", str(VERSION + 1)], ["--rules"]):
        with pytest.raises(UsageError, match="thawline run"):
            require_version(wrong)


def test_dvc_runs_the_stages_anew_after_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    newer = tmp_path / "newer" / "dvc.yaml"
    newer.parent.mkdir()
    newer.write_text("stages:\n  clean:\n    cmd: echo cleaned --rules 2 > clean.txt\n    outs: [clean.txt]\n")
    workspace = Workspace(tmp_path / "space")
    workspace.root.mkdir()
    write_dvc_config(workspace, with_git=False)
    (workspace.root / "dvc.yaml").write_text(newer.read_text().replace("--rules 2", "--rules 1"))
    assert "Running stage 'clean'" in run_dvc(workspace, "repro")
    monkeypatch.setattr(rules, "DVC_YAML", newer)
    assert bring_stages(workspace) == ["clean"]
    assert "Running stage 'clean'" in run_dvc(workspace, "repro")
    assert (workspace.root / "clean.txt").read_text() == "cleaned --rules 2\n"


AFTER = "  mine:\n    cmd: echo\n    deps: [reports/metrics.json]\n    outs: [mine.txt]\n"
LATER = "  later:\n    foreach: [a, b]\n    do:\n      cmd: echo\n      deps: [mine.txt]\n"
BESIDE = "  beside:\n    cmd: echo\n    deps: [data/interim/rows.parquet]\n"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (OURS, ["ingest", "clean", "split"]),
        (OURS + AFTER + LATER + BESIDE, ["ingest", "clean", "split", "beside"]),
        (OURS.partition("  train:")[0], ["ingest", "clean", "split"]),
        ("stages: []\n", []),
        ("{", []),
    ],
)
def test_a_run_has_dvc_make_rows_and_does_not_set_itself_off(tmp_path: Path, content: str, expected: list[str]) -> None:
    (tmp_path / "dvc.yaml").write_text(content)
    assert stages_before_training(Workspace(tmp_path)) == expected


def test_a_workspace_of_before_the_stage_that_trains_gets_it_and_its_rows_stay(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(OURS.partition("  train:")[0])
    assert bring_stages(Workspace(tmp_path)) == ["train"]
    assert (tmp_path / "dvc.yaml").read_text() == OURS
