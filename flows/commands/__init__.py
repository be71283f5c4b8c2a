"""One file a command: the module `flows.commands.NAME` holds the function `NAME`, its options and its help.

The folder is the registry: a new command is a new module, and `ORDER` only says which come first in `--help`.
"""

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ORDER = (
    "init",
    "check",
    "run",
    "arrive",
    "compare",
    "predict",
    "runs",
    "show",
    "diff",
    "promote",
    "rollback",
    "reproduce",
)
"""Commands in the order of a user's first days; the others follow by name."""


def list_commands() -> list[str]:
    """Return the names of all commands, in the order of the help."""
    names = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem != "__init__")
    return [name for name in ORDER if name in names] + [name for name in names if name not in ORDER]


def load_commands() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield every command's name and function; a module that also has an `app` gives that (commands of two words)."""
    for name in list_commands():
        module = importlib.import_module(f"{__name__}.{name}")
        yield name, getattr(module, "app", None) or getattr(module, name)
