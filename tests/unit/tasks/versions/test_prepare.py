"""What data a run goes on, and what is said of data that it does not."""

from pathlib import Path

import pytest

from tasks.versions import prepare
from thawline.params import Params
from thawline.workspace import Workspace


@pytest.mark.parametrize(
    ("initial", "is_told"),
    [("mails.csv.xz", False), ("march.2026", False), ("more.csv", True), ("mail.csv", True), (None, False)],
)
def test_a_first_file_that_is_named_too_late_is_said_to_be_left_out(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    initial: str | None,
    is_told: bool,
) -> None:
    monkeypatch.setattr(prepare, "init_dvc", lambda _: None)
    workspace = Workspace(tmp_path)
    workspace.raw.mkdir(parents=True)
    for name in ("mails-3232f4ad.csv.xz", "mails-3232f4ad.csv.xz.dvc", "march_2026-00000000.zip"):
        (workspace.raw / name).touch()
    params = Params.model_validate({"name": "mails", "modality": "text", "arrive": {"initial": initial}})
    prepare.accept_initial_file(workspace, params)
    told = " ".join(capsys.readouterr().err.split())
    assert ("is not learned from" in told) is is_told
    assert (f"thawline arrive {initial}" in told) is is_told
