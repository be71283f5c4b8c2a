"""Each line of the log says which runs it belongs to, and a warning reaches the person, too."""

import json
import logging
from pathlib import Path

import pytest

from thawline.system import logs
from thawline.system.logs import log_ids, logging_to
from thawline.workspace import Workspace

log = logging.getLogger("tasks.something")


def lines(workspace: Workspace) -> list[dict[str, str]]:
    return [json.loads(line) for line in (workspace.state / "logs" / "thawline.log").read_text().splitlines()]


def test_lines_carry_the_ids_of_the_runs_they_belong_to(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = Workspace(tmp_path)
    with logging_to(workspace, flow_run_id="f"):
        log.info("a line\nof two")
        with log_ids(mlflow_run_id="m"), logging_to(workspace):
            log.warning("mind %s", "this")
        log.info("after")
    log.warning("outside")
    keys = ("message", "flow_run_id", "mlflow_run_id")
    assert [tuple(line.get(key) for key in keys) for line in lines(workspace)] == [
        ("a line\nof two", "f", None),
        ("mind this", "f", "m"),
        ("after", "f", None),
    ]
    assert capsys.readouterr().err == "mind this\n"


def test_an_error_is_logged_with_its_traceback(tmp_path: Path) -> None:
    with logging_to(Workspace(tmp_path)):
        try:
            int("gone")
        except ValueError:
            log.exception("failed")
    (line,) = lines(Workspace(tmp_path))
    assert "ValueError: invalid literal" in line["traceback"]


def test_a_large_log_is_put_aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_BYTES", 10)
    for message in ("first", "second"):
        with logging_to(Workspace(tmp_path)):
            log.info(message)
    assert [line["message"] for line in lines(Workspace(tmp_path))] == ["second"]
    assert "first" in (tmp_path / ".thawline" / "logs" / "thawline.previous.log").read_text()
