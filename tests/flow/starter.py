"""Run programs in processes forked from one that has imported the heavy libraries, which takes some 15 s each time.

`python tests/flow/starter.py SOCKET`: whoever connects to the socket hands over three open files and a request, a line
of JSON: program, arguments, directory, environment, and what stands for Python in the process. It is told the process's
id and in the end its exit code. A process is in a session of its own, and is killed with all of that once who asked for
it is gone. What the process itself starts by `sys.executable` is forked from here, too (`shim.py`). The starter ends
when its standard input does: with whoever started it.
"""

import ctypes
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

HEAVY = [
    *("torch", "transformers", "transformers.models.bert.modeling_bert", "timm", "sklearn.linear_model"),
    *("sklearn.feature_extraction.text", "sklearn.manifold", "sklearn.decomposition", "sklearn.ensemble"),
    *(
        "mlflow",
        "mlflow.pyfunc",
        "mlflow.store.tracking.sqlalchemy_store",
        "mlflow.store.model_registry.sqlalchemy_store",
    ),
    *("great_expectations", "optuna", "cleanlab", "fairlearn.metrics", "matplotlib.pyplot", "pyarrow.parquet"),
    *(
        "skops.io",
        "ftfy",
        "scipy.stats",
        "multiprocessing.spawn",
        "watchfiles",
        "fastapi",
        "uvicorn",
        "alembic",
        "apprise",
    ),
    *("dvc_data.index", "dvc_data.hashfile.build", "dvc_http", "scmrepo.git", "networkx", "flufl.lock", "configobj"),
    *("prefect", "prefect.flow_engine", "prefect.engine", "prefect.runner", "prefect.events"),
]
"""Not DVC itself, which reads what it is told to before it is imported (`tasks/versions/dvc_command.py`)."""
PARENT_DEATH_SIGNAL = 1  # of prctl


def main() -> None:
    """Answer until whoever has started this ends."""
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - nothing of the tests is imported
    from flows.starting.environment import QUIET

    os.environ.update(QUIET)
    for name in HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is shared stays shared
    with socket.socket(socket.AF_UNIX) as asked:
        asked.bind(sys.argv[1])
        asked.listen(100)
        while True:
            ready, _, _ = select.select([sys.stdin, asked], [], [], 60)
            with suppress(ChildProcessError):
                while os.waitpid(-1, os.WNOHANG)[0]:
                    continue
            if sys.stdin in ready:
                return
            if asked in ready:
                connection, _ = asked.accept()
                if not os.fork():
                    asked.close()
                    _answer(connection)
                    return  # and leave by the end of this program, so that what is registered for it happens
                connection.close()


def _answer(connection: socket.socket) -> None:
    """Run what a connection asks for in one more process, say its id and its exit code; both end with this program."""
    _end_with_parent(signal.SIGKILL)
    _, files, _, _ = socket.recv_fds(connection, 1, 3)
    stream = connection.makefile("rw", encoding="utf-8")
    request = json.loads(stream.readline())
    pid = os.fork()
    if not pid:
        os.setsid()
        _end_with_parent(signal.SIGTERM)
        stream.close()
        connection.close()
        _run(request, files)
        return
    for file in files:
        os.close(file)
    with suppress(BrokenPipeError):  # whoever asked has been killed, which the next lines find
        stream.write(f"{pid}\n")
        stream.flush()
    ended = os.pidfd_open(pid)
    if ended not in select.select([ended, connection], [], [])[0]:  # whoever asked has been killed
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    with suppress(OSError):
        stream.write(f"{code if code >= 0 else 128 - code}\n")
        stream.flush()
    os._exit(0)


def _end_with_parent(number: int) -> None:
    ctypes.CDLL(None).prctl(PARENT_DEATH_SIGNAL, number)


def _run(request: dict[str, Any], files: list[int]) -> None:
    """Become the program that is asked for."""
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["directory"])
    os.umask(request["mask"])
    for descriptor, file in enumerate(files):
        os.dup2(file, descriptor)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.executable = request["python"]
    sys.meta_path.insert(0, _Prefect())
    arguments = request["arguments"]
    if request["program"] == "python":
        options = arguments.index("-m" if "-m" in arguments else "-c")
        if "-P" not in arguments[:options] and "PYTHONSAFEPATH" not in os.environ:
            sys.path.insert(0, "")
        flag, what, *rest = arguments[options:]
        sys.argv = [flag if flag == "-c" else what, *rest]
        if flag == "-c":
            exec(what, {"__name__": "__main__"})  # noqa: S102 - the documentation's own
        else:
            runpy.run_module(what, run_name="__main__", alter_sys=True)
        return
    sys.argv = [request["program"], *arguments]
    if request["program"] == "prefect":
        runpy.run_module("prefect", run_name="__main__")
        return
    from flows.cli import main as run_command

    run_command()


class _Prefect(MetaPathFinder, Loader):
    """Prefect as it is imported here; it goes by the environment at the moment when the process imports it."""

    def __init__(self) -> None:
        names = [name for name in sys.modules if name.partition(".")[0] == "prefect"]
        self.modules = {name: sys.modules.pop(name) for name in names}
        self.spec = self.modules["prefect"].__spec__

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Give back all of Prefect when it is asked for."""
        if fullname != "prefect":
            return None
        sys.meta_path.remove(self)
        sys.modules.update(self.modules)
        import prefect.context
        import prefect.logging.configuration as of_logging

        prefect.context.refresh_global_settings_context()
        of_logging.PROCESS_LOGGING_CONFIG.clear()
        of_logging.setup_logging()
        return ModuleSpec(fullname, self)

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Return what is there."""
        return self.modules["prefect"]

    def exec_module(self, module: ModuleType) -> None:
        """Leave it as it is."""
        module.__spec__ = self.spec


if __name__ == "__main__":
    main()
