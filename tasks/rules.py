"""The version of the rules by which the DVC stages make rows of files.

It stands in the command of each stage, in dvc.yaml, so that DVC runs the stages anew after an upgrade that changes the
rules. Raise VERSION, here and in every dvc.yaml, with each change by which rows, their cleaning or their parts come out
otherwise. `tests/contract/test_rules.py` fails until one has looked: SOURCES is a hash of the code then.
"""

import io
import logging
from importlib.resources import files
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from thawline.errors import UsageError
from thawline.params.file import write_lacking
from thawline.system.files import write_atomically
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

VERSION = 1
SOURCES = "d81780a4bd1f2512"
DVC_YAML = Path(str(files("tasks"))) / "templates" / "dvc.yaml"
OPTION = "--rules"
TRAIN = "train"
"""The stage that is all of `thawline run` behind the rows."""


def bring_stages(workspace: Workspace) -> list[str]:
    """Bring the stages in the workspace's dvc.yaml to those of this version; return the names of those that were not.

    Stages that somebody added stay. What the file was before lies in .thawline/dvc.yaml.before.

    Raises:
        StorageError: No permission or no space.
    """
    path = workspace.root / DVC_YAML.name
    yaml = YAML()
    wanted = yaml.load(DVC_YAML.read_bytes())["stages"]
    named = [name for stage in wanted.values() for name in stage.get("params", ()) if isinstance(name, str)]
    lacking = write_lacking(workspace, named)
    if lacking:
        log.warning("params.yaml had no %s, which DVC asks for: written with the default", ", ".join(lacking))
    try:
        content: Any = yaml.load(path.read_bytes())
        stages = content["stages"]
        stale = [name for name in wanted if stages.get(name) != wanted[name]]
    except (FileNotFoundError, YAMLError, KeyError, TypeError, AttributeError):
        return []  # no file of ours: DVC says what is wrong with it
    if not stale:
        return []
    write_atomically(workspace.state / f"{path.name}.before", path.read_bytes())
    if set(stages) <= set(wanted):
        write_atomically(path, DVC_YAML.read_bytes())
    else:
        stages.update(wanted)
        stream = io.StringIO()
        yaml.dump(content, stream)
        write_atomically(path, stream.getvalue().encode())
    log.warning("dvc.yaml was of another version of thawline: %s brought to this one", ", ".join(stale))
    return stale


def stages_before_training(workspace: Workspace) -> list[str]:
    """Return the stages that `dvc repro` is to run for `thawline run`: all but `train` and those that come after it.

    None are named where dvc.yaml can't be read: DVC says what is wrong with it.
    """
    try:
        stages = YAML(typ="safe").load((workspace.root / DVC_YAML.name).read_bytes())["stages"]
        made = {name: _paths(stage, ("outs", "metrics", "plots")) for name, stage in stages.items()}
        needed = {name: _paths(stage, ("deps",)) for name, stage in stages.items()}
    except (FileNotFoundError, YAMLError, KeyError, TypeError, AttributeError):
        return []
    later = {TRAIN} & set(stages)
    while grown := {name for name in set(stages) - later if any(needed[name] & made[each] for each in later)}:
        later |= grown
    return [name for name in stages if name not in later]


def require_version(arguments: list[str]) -> None:
    """Refuse the command of a stage that stands for other rules than these: DVC would take its outcome for theirs.

    Raises:
        UsageError: It does.
    """
    if OPTION in arguments and arguments[arguments.index(OPTION) + 1 :][:1] != [str(VERSION)]:
        raise UsageError(
            f"dvc.yaml asks for {' '.join(arguments)}, but the rules of this thawline are version {VERSION}; `thawline "
            "run` brings dvc.yaml up to date"
        )


def _paths(stage: Any, kinds: tuple[str, ...]) -> set[str]:
    """Return the paths that a stage, or a group of them by `foreach` or `matrix`, names under some keys."""
    content = stage.get("do", stage)
    entries = [entry for kind in kinds for entry in content.get(kind) or ()]
    return {str(entry) if isinstance(entry, str) else str(next(iter(entry))) for entry in entries}
