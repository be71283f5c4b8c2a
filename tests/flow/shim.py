"""Stands for `thawline`, `prefect` and Python on a PATH: asks the starter for a process of it, begun sooner.

`python -S -E shim.py SOCKET PATH ARGUMENTS`, where PATH is what was called, a file of one of these names. The
process gets this one's arguments, directory, environment, mask and open files; signals are handed on to it, and its
exit code is this one's. Of Python only our own modules, Prefect's and `-c` are run so, the rest by Python itself.
"""

import json
import os
import signal
import socket
import sys
from types import FrameType

OURS = ("expectations", "flows", "modalities", "models", "targets", "tasks", "tests", "thawline", "prefect")


def main() -> int:
    """Ask, hand on, and return the exit code."""
    address, called, *arguments = sys.argv[1:]
    directory, program = os.path.split(called)
    if program == "python" and not _is_forked([one for one in arguments if one != "-P"]):
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - the same, without what was put before it
    mask = os.umask(0)
    request = {
        "program": program,
        "arguments": arguments,
        "directory": os.getcwd(),  # noqa: PTH109 - quicker
        "environment": dict(os.environ),
        "mask": mask,
        "python": os.path.join(directory, "python"),  # noqa: PTH118 - quicker
    }
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        socket.send_fds(connection, [b"."], [0, 1, 2])
        with connection.makefile("rw", encoding="utf-8") as stream:
            stream.write(json.dumps(request) + "\n")
            stream.flush()
            pid = int(stream.readline())

            def interrupt(number: int, _frame: FrameType | None) -> None:
                os.killpg(pid, number)  # as Ctrl-C reaches all

            def hand_on(number: int, _frame: FrameType | None) -> None:
                os.kill(pid, number)

            signal.signal(signal.SIGINT, interrupt)
            signal.signal(signal.SIGTERM, hand_on)
            return int(stream.readline() or 1)


def _is_forked(arguments: list[str]) -> bool:
    if arguments[:1] == ["-m"]:
        return arguments[1].partition(".")[0] in OURS
    return arguments[:1] == ["-c"] and "--multiprocessing-fork" not in arguments  # which needs more open files


if __name__ == "__main__":
    sys.exit(main())
