"""Stands for `thawline` and for `python -c` on the PATH of a documented shell: asks the starter for a process of it.

`python -S -E shim.py SOCKET PROGRAM ARGUMENTS`. The process gets this one's arguments, directory, environment and
open files; signals are handed on to it, and its exit code is this one's. Any other use of python is python's own.
"""

import json
import os
import signal
import socket
import sys
from types import FrameType


def main() -> int:
    """Ask, hand on, and return the exit code."""
    address, program, *arguments = sys.argv[1:]
    if program == "python" and arguments[:1] != ["-c"]:
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - the same, without what was put before it
    request = {"program": program, "arguments": arguments, "cwd": os.getcwd(), "environment": dict(os.environ)}  # noqa: PTH109 - quicker
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"."], [0, 1, 2])
        with connection.makefile("rw", encoding="utf-8") as stream:
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            pid = int(stream.readline())

            def hand_on(number: int, _frame: FrameType | None) -> None:
                os.kill(pid, number)

            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, hand_on)
            return int(stream.readline() or 1)


if __name__ == "__main__":
    sys.exit(main())
