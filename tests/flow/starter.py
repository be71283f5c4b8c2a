"""Run commands in processes forked from one that has imported the heavy libraries, which takes some 15 s each time.

`python tests/flow/starter.py SOCKET` reads a request a line (arguments, directory, environment, and files for what the
command prints), forks, and answers with the exit code. Whoever connects to the socket hands over open files instead,
is told the process's id and in the end its exit code; several may at once. What reads its settings from a workspace's
environment, Prefect above all, is imported by the command itself. It ends when its standard input does: with whoever
started it.
"""

import ctypes
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
from typing import Any

HEAVY = [
    *("torch", "transformers", "transformers.models.bert.modeling_bert", "timm", "sklearn.linear_model"),
    *("sklearn.feature_extraction.text", "mlflow", "mlflow.pyfunc", "great_expectations", "optuna", "cleanlab"),
    *("fairlearn.metrics", "matplotlib.pyplot", "pyarrow.parquet", "skops.io", "ftfy", "scipy.stats"),
]

PARENT_DEATH_SIGNAL = 1  # of prctl


def main() -> None:
    """Answer requests until there are no more."""
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - nothing of the tests is imported
    from flows.starting.environment import QUIET

    os.environ.update(QUIET)
    for name in HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is shared stays shared
    with socket.socket(socket.AF_UNIX) as asked:
        asked.bind(sys.argv[1])
        asked.listen()
        while True:
            ready, _, _ = select.select([sys.stdin, asked], [], [])
            if asked in ready:
                connection, _ = asked.accept()
                if not os.fork():
                    _answer(connection)
                    return
                connection.close()
            if sys.stdin in ready:
                line = sys.stdin.readline()
                if not line:
                    return
                request = json.loads(line)
                pid = os.fork()
                if not pid:
                    _run(request, _open(request))
                    return  # and leave by the end of this program, so that what is registered for it happens
                _, status = os.waitpid(pid, 0)
                sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
                sys.stdout.flush()


def _answer(connection: socket.socket) -> None:
    """Run what a connection asks for in one more process, say its id and its exit code; both end with this program."""
    _end_with_parent(signal.SIGKILL)
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    stream = connection.makefile("rw", encoding="utf-8")
    request = json.loads(stream.readline())
    pid = os.fork()
    if not pid:
        _end_with_parent(signal.SIGTERM)
        _run(request, files)
        return
    stream.write(f"{pid}\n")
    stream.flush()
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    stream.write(f"{code if code >= 0 else 128 - code}\n")
    stream.flush()
    os._exit(0)


def _end_with_parent(number: int) -> None:
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, number)


def _open(request: dict[str, Any]) -> list[int]:
    """Open the files that a request names, as standard input, output and error."""
    written = [os.open(request[name], os.O_WRONLY | os.O_CREAT | os.O_TRUNC) for name in ("stdout", "stderr")]
    return [os.open(os.devnull, os.O_RDONLY), *written]


def _run(request: dict[str, Any], files: list[int]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if request.get("program") == "python":  # python -c CODE
        sys.argv = ["-c", *request["arguments"][2:]]
        sys.path.insert(0, "")
        exec(request["arguments"][1], {"__name__": "__main__"})  # noqa: S102 - the documentation's own
        return
    sys.argv = ["thawline", *request["arguments"]]
    from flows.cli import main as run_command

    run_command()


if __name__ == "__main__":
    main()
