"""Run commands in processes forked from one that has imported the heavy libraries, which takes some 15 s each time.

`python tests/flow/starter.py` reads a request a line (arguments, directory, environment, and files for what the command
prints), forks, and answers with the exit code. What reads its settings from a workspace's environment, Prefect above
all, is imported by the command itself. It ends when its standard input does: with whoever started it.
"""

import gc
import importlib
import json
import os
import sys
from typing import Any

HEAVY = [
    *("torch", "transformers", "transformers.models.bert.modeling_bert", "timm", "sklearn.linear_model"),
    *("sklearn.feature_extraction.text", "mlflow", "mlflow.pyfunc", "great_expectations", "optuna", "cleanlab"),
    *("fairlearn.metrics", "matplotlib.pyplot", "pyarrow.parquet", "skops.io", "ftfy", "scipy.stats"),
]


def main() -> None:
    """Answer requests until there are no more."""
    sys.path.remove(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - nothing of the tests is imported
    from flows.environment import QUIET

    os.environ.update(QUIET)
    for name in HEAVY:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # what is shared stays shared
    for line in sys.stdin:
        request = json.loads(line)
        pid = os.fork()
        if not pid:
            _run(request)  # and leave by the end of this program, so that what is registered for it happens
            return
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _run(request: dict[str, Any]) -> None:
    os.environ.clear()
    os.environ.update(request["environment"])
    os.chdir(request["cwd"])
    for descriptor, path in ((1, request["stdout"]), (2, request["stderr"])):
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
        os.close(file)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.argv = ["thawline", *request["arguments"]]
    from flows.cli import main as run_command

    run_command()


if __name__ == "__main__":
    main()
