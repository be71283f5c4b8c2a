"""The screening of a search's trials, in this process: `python -m bench.screening TASK SPACE`; prints JSON.

The seconds are those of all trials' heads in all folds, the encoder's one pass over the rows among them.
"""

import json
import sys
import time
from pathlib import Path

from bench.opening import open_work


def main(task_directory: Path, root: Path) -> None:
    context, _ = open_work(task_directory, root)
    from flows.search import screen_all
    from tasks.searching.trials import screen

    started = time.perf_counter()
    trials = screen_all(context, screening=screen.fn)
    print(json.dumps({"seconds": time.perf_counter() - started, "trials": len(trials)}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
