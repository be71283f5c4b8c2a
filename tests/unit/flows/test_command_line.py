"""What the command line does before any command."""

import subprocess
import sys
from pathlib import Path

from typer.testing import CliRunner

from flows.cli import app
from thawline.errors import UnreadableFileError

CODE = "import os; from flows import cli; cli.app = lambda: print(oct(os.umask(0))); cli.main()"


def test_what_commands_write_is_readable_by_its_owner_alone() -> None:
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["0o77"]


def test_what_is_not_there_to_predict_is_said_before_a_model_is_looked_for(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("name: mails\n")
    told = CliRunner().invoke(app, ["predict", "-w", str(tmp_path), "nowhere.csv"])
    assert isinstance(told.exception, UnreadableFileError)
    assert str(told.exception) == "nowhere.csv does not exist; check the path"


def test_a_command_is_known_by_its_former_name() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "flows.cli", "clean", "--help"], capture_output=True, text=True, check=True
    )
    assert "`thawline clean` is called `thawline prune` now" in said.stderr
    assert "prune" in said.stdout
