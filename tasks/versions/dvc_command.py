"""DVC's command line, begun and ended sooner: `python -m tasks.versions.dvc_command ARGUMENTS` is `dvc ARGUMENTS`.

Thousands of files do not fit on a command line: `--by-file FILE` takes the arguments from a JSON list. Where a run
hands its params to it (`thawline.params.file.overridden`), it reads those in place of params.yaml.
"""

import copy
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from thawline.params.file import handed_params
from thawline.system.garbage_collection import collect_seldom
from thawline.workspace import PARAMS_FILE

BY_FILE = "--by-file"


def main() -> int:
    """Run DVC with the arguments of this process and return its exit code."""
    collect_seldom()
    handed = handed_params()
    if handed is not None:
        _read_in_place_of_the_file(handed)
    from dvc.cli import main as run

    arguments = sys.argv[1:]
    if arguments[:1] == [BY_FILE]:
        arguments = json.loads(Path(arguments[1]).read_bytes())
    code: int = run(arguments)
    return code


def _read_in_place_of_the_file(params: Mapping[str, Any]) -> None:
    """Let DVC find `params` in the params.yaml of this directory; before its other modules are imported."""
    from dvc.utils import serialize

    of_files, own = serialize.load_path, Path.cwd() / PARAMS_FILE

    def load_path(path: Any, *arguments: Any, **options: Any) -> Any:
        return copy.deepcopy(params) if Path(path) == own else of_files(path, *arguments, **options)

    serialize.load_path = load_path


if __name__ == "__main__":
    sys.exit(main())
