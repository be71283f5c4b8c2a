"""A shell in which a document's commands are typed, one after the other, as they are printed.

What a clone has after `make setup` is there: a `.venv`, whose programs are found once it is activated. Of them
`thawline`, `prefect` and Python with our modules are processes forked from one that has imported the heavy libraries
(`tests/flow/starter.py`): the same programs, a quarter of a minute sooner. All others are those that are installed.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from session import FORKED, ROOT, TIMEOUT_S, end_with_parent, write_programs

POLL_S = 0.1
CODE_MARK = "the command ended with code "
COMMENT = re.compile(r"(\s+#[^'\"]*)?$")
"""The end of a command, with the comment that may stand there."""
WIDTH = 120
"""Of the terminal that the documents show, in characters."""


@dataclass(frozen=True)
class Told:
    """What a command did: its exit code, and what it printed, both streams as a terminal shows them."""

    code: int
    text: str

    @property
    def lines(self) -> list[str]:
        """What it printed, line by line."""
        return self.text.splitlines()


class Shell:
    """A bash that a test types into, with a terminal's width and nothing in its environment that tests have set.

    What is entered into `stack`, such as a server that the commands need, ends with it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._logs = directory.parent / f"{directory.name}-output"
        self._logs.mkdir()
        self._number = 0
        self._started: dict[str, tuple[int, Path]] = {}
        self.stack = ExitStack()
        inherited = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "PREFECT_"))}
        own = str(Path(sys.executable).parent)
        path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != own)
        variables = {"PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": str(WIDTH), "OMP_NUM_THREADS": "1"}
        self._bash = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env={**inherited, **variables},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=end_with_parent,  # noqa: PLW1509 - no other threads run yet
        )
        self._type("set -m")  # as at a terminal: what runs in the background can be interrupted

    def __enter__(self) -> "Shell":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for command in list(self._started):
            self.interrupt(command)
        self._bash.communicate("exit\n", timeout=30)
        self.stack.close()

    def here(self) -> Path:
        """Return the directory in which the next command would be typed."""
        return Path(self.run("pwd").text.strip())

    def run(self, command: str) -> Told:
        """Type a command, and wait until it has ended."""
        log = self._next_log()
        self._type(f"{{ {command}\n}} >{log} 2>&1 </dev/null; echo '{CODE_MARK}'$?")
        return Told(self._read_code(command, log), _read(log))

    def start(self, command: str, addition: str = "", *, until: Callable[[str], bool]) -> Told:
        """Type a command that goes on until it is interrupted, and wait until what it printed is enough."""
        log = self._next_log()
        whole = COMMENT.sub(lambda comment: f"{addition}{comment[0]}", command, count=1)
        self._type(f"{{ {whole}\n}} >{log} 2>&1 </dev/null & echo '{CODE_MARK}'$!")
        self._started[command] = (self._read_code(command, log), log)
        deadline = time.monotonic() + TIMEOUT_S
        while not until(_read(log)):
            assert time.monotonic() < deadline, f"{command} printed nothing more than:\n{_read(log)}"
            time.sleep(POLL_S)
        return Told(0, _read(log))

    def interrupt(self, command: str) -> Told:
        """Press Ctrl-C in the terminal of a command that was started, and wait until it has ended."""
        pid, log = self._started.pop(command)
        self._type(f"kill -INT -{pid}; wait {pid}; echo '{CODE_MARK}'$?")
        return Told(self._read_code(command, log), _read(log))

    def _next_log(self) -> Path:
        self._number += 1
        return self._logs / f"{self._number:02d}"

    def _type(self, text: str) -> None:
        assert self._bash.stdin is not None
        self._bash.stdin.write(text + "\n")
        self._bash.stdin.flush()

    def _read_code(self, command: str, log: Path) -> int:
        assert self._bash.stdout is not None
        for line in self._bash.stdout:
            if line.startswith(CODE_MARK):
                return int(line.removeprefix(CODE_MARK))
        raise AssertionError(f"the shell has ended at: {command}\n{_read(log)}")


def make_environment(directory: Path) -> None:
    """Make what stands for a virtual environment in `directory`/.venv, as `make setup` makes one."""
    programs = directory / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "activate").write_text(f'export PATH="{programs}:$PATH"\n')
    for program in Path(sys.executable).parent.iterdir():
        if not program.name.startswith(("activate", "Activate", *FORKED)):
            (programs / program.name).symlink_to(program)
    write_programs(programs)


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
