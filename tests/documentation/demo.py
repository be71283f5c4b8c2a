"""The demo of the README, in a fresh clone: `python -m tests.documentation.demo` compares what both print.

It runs what `make demo` runs once all is set up, takes some minutes, and leaves nothing behind.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.documentation.blocks import find_blocks
from tests.documentation.shape import difference

ROOT = Path(__file__).resolve().parents[2]
FIRST = "validate raw"
"""How the block of the README begins that shows what the demo prints."""


def main() -> int:
    """Run the demo; return 1 if it prints something else than the README says, or leaves a changed file."""
    shown = next(block for block in find_blocks(ROOT / "README.md") if block.first == FIRST)
    recipe = subprocess.run(["make", "-n", "demo"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with tempfile.TemporaryDirectory(prefix="thawline-demo-") as name:
        clone = Path(name) / "thawline"
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        started = time.monotonic()
        done = subprocess.run(
            ["bash", "-ec", recipe.splitlines()[-1]],
            cwd=clone,
            env={**environment, "PYTHONPATH": str(clone), "COLUMNS": "120"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        seconds = time.monotonic() - started
        changed = subprocess.run(
            ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
        )
    print(done.stdout)
    print(f"{seconds:.0f} s, exit code {done.returncode}")
    parted = difference(shown.lines, done.stdout.splitlines())
    for wrong in filter(None, [parted, changed.stdout and f"changed files:\n{changed.stdout}"]):
        print(wrong)
    return 1 if done.returncode or parted or changed.stdout else 0


if __name__ == "__main__":
    sys.exit(main())
