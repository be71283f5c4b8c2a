"""DVC's command line, begun and ended sooner: `python -m tasks.versions.dvc_command ARGUMENTS` is `dvc ARGUMENTS`.

Thousands of files do not fit on a command line: `--by-file FILE` takes the arguments from a JSON list. Where a run
hands its params to it (`thawline.params.file.overridden`), it reads those in place of params.yaml.

`dvc add` of a file reads the tracks of all others first, to see whether the file is a part of one of them: of 10,000
that takes 8 s. What we add lies in a directory of single files, where nothing overlaps; that is looked at instead.
"""

import copy
import json
import sys
from collections.abc import Mapping, Sequence
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
    if arguments[:1] == ["add"] and not _lies_in_tracked_directory(arguments[1:]):
        _add_without_the_others()
    code: int = run(arguments)
    return code


def _read_in_place_of_the_file(params: Mapping[str, Any]) -> None:
    """Let DVC find `params` in the params.yaml of this directory; before its other modules are imported."""
    from dvc.utils import serialize

    of_files, own = serialize.load_path, Path.cwd() / PARAMS_FILE

    def load_path(path: Any, *arguments: Any, **options: Any) -> Any:
        return copy.deepcopy(params) if Path(path) == own else of_files(path, *arguments, **options)

    serialize.load_path = load_path


def _lies_in_tracked_directory(arguments: Sequence[str]) -> bool:
    """Say whether somebody lets DVC track a directory around what is to be added: then that is what is added to."""
    around = {parent for argument in arguments for parent in Path(argument).parents if parent.name}
    return any(parent.with_name(f"{parent.name}.dvc").exists() for parent in around)


def _add_without_the_others() -> None:
    """Let `dvc add` go by a file's own track alone: it is made, or made anew with what a person wrote into it."""
    from dvc.exceptions import OutputNotFoundError
    from dvc.repo import Repo

    def find_outs_by_path(_repo: Repo, path: str, *_arguments: Any, **_options: Any) -> Any:
        raise OutputNotFoundError(path)

    Repo.find_outs_by_path = find_outs_by_path
    Repo.check_graph = lambda *_arguments, **_options: None


if __name__ == "__main__":
    sys.exit(main())
