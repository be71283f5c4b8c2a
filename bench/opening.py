"""The product's work on a shared task, opened in the process that is to be measured."""

from pathlib import Path

import pandas as pd

from bench.peers.protocol import read_task
from flows.starting.environment import prepare_environment
from flows.starting.temporary_server import start_server
from thawline.context import Context, hash_code
from thawline.params.file import load_params
from thawline.system.garbage_collection import collect_seldom
from thawline.workspace import Workspace


def open_work(task_directory: Path, root: Path, *, runs_flows: bool = False) -> tuple[Context, pd.DataFrame]:
    """Return the work on a task and the task's rows, with the libraries imported and the threads set.

    To be called before anything imports prefect, which reads its environment then; for flows its server is there.
    """
    task, rows = read_task(task_directory)
    workspace = Workspace(root)
    prepare_environment(workspace)
    collect_seldom()
    server = start_server() if runs_flows else None
    import torch
    import transformers  # noqa: F401

    torch.set_num_threads(task.threads)
    params = load_params(workspace)
    if server is not None:
        server.wait()
    return Context(root=root, params=params, data_version=task_directory.name, code_version=hash_code()), rows
