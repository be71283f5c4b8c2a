"""The screening of a search's trials, in this process: `python -m bench.screening TASK SPACE`; prints JSON.

The seconds are those of all trials' heads in all folds, the encoder's one pass over the rows among them.
"""

import json
import sys
import time
from pathlib import Path

from bench.peers.protocol import read_task
from flows.environment import prepare_environment
from thawline.workspace import Workspace


def main(task_directory: Path, root: Path) -> None:
    task, _ = read_task(task_directory)
    workspace = Workspace(root)
    prepare_environment(workspace)
    import torch
    import transformers  # noqa: F401

    from flows.search import screen_all
    from tasks.trials import screen
    from thawline.context import Context, hash_code
    from thawline.params_file import load_params

    torch.set_num_threads(task.threads)
    params = load_params(workspace)
    context = Context(root=workspace.root, params=params, data_version=task_directory.name, code_version=hash_code())
    started = time.perf_counter()
    trials = screen_all(context, screening=screen.fn)
    print(json.dumps({"seconds": time.perf_counter() - started, "trials": len(trials)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
