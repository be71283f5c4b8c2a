"""Child processes in a session of their own that end with this process, however it ends.

Ctrl-C in a terminal reaches a whole session: children in another one are ended by us, in order. A process that is
killed ends nobody; so a child holds the reading end of a pipe as its standard input, and ends itself and all below it
once nobody holds the writing end any more. `python -m thawline.servers.tied MODULE ARGUMENTS` is such a child.
"""

import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO

END_S = 1.5
"""Between the request to end and the kill."""


class TiedProcess(subprocess.Popen[str]):
    """A child that runs `python -m MODULE ARGUMENTS` and ends with this process."""

    def __init__(
        self,
        arguments: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        stdout: int | IO[str] | None = None,
        stderr: int | None = None,
    ) -> None:
        reading, self._writing = os.pipe()
        try:
            super().__init__(
                [sys.executable, "-P", "-m", __name__, *arguments],  # nothing of where the user stands is imported
                env=env,
                cwd=cwd,
                stdin=reading,
                stdout=stdout,
                stderr=stderr,
                text=True,
                start_new_session=True,
            )
        finally:
            os.close(reading)

    def end(self, *, end_s: float = END_S) -> None:
        """Ask it and all that it has started to end, and kill what is left after `end_s`, unless it has ended."""
        if self.poll() is None:
            self._signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.wait(timeout=end_s)
            self._signal(signal.SIGKILL)
            self.wait()
        if self._writing >= 0:
            os.close(self._writing)
            self._writing = -1

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def main() -> None:
    """Run the module that the arguments name as if it had been started itself."""
    Thread(target=_end_with_parent, name="waiting for the end of the parent", daemon=True).start()
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


def _end_with_parent() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGINT)
    time.sleep(END_S)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
