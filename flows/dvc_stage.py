"""DVC's stage `train`: all of `thawline run` behind the rows, in the workspace around the current directory.

`dvc repro` and `dvc exp run` start it. It is the flow `finetune` with the same kept results: params that MLflow knows a
run of end at that run, and nothing is trained.
"""

import sys
from pathlib import Path

from flows.interface import open_space
from thawline.errors import ThawlineError


def main() -> int:
    """Run the flow; what it refuses goes to standard error, without a traceback.

    Returns:
        The exit code: 0, or that of the error.
    """
    try:
        open_space(Path.cwd()).train_for_dvc()
    except ThawlineError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
