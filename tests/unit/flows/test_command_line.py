"""What the command line does before any command."""

import subprocess
import sys

CODE = "import os; from flows import cli; cli.app = lambda: print(oct(os.umask(0))); cli.main()"


def test_what_commands_write_is_readable_by_its_owner_alone() -> None:
    told = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["0o77"]
