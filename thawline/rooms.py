"""The packages of this product: what they are called, where they lie, and that nobody else's stand in their place.

Names such as `tasks` and `models` are common: a project's own may stand first where Python looks. Commands, DVC stages
and servers are started so that it never looks in the current directory; a notebook does, and so does PYTHONPATH.
"""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import thawline
from thawline.errors import UsageError

ROOMS = ("expectations", "flows", "modalities", "models", "targets", "tasks", "thawline")
ROOT = Path(str(thawline.__file__)).resolve().parent.parent
"""The directory that holds them: a clone, or where packages are installed."""
SAFE_PATH = {"PYTHONSAFEPATH": "thawline"}
"""What keeps Python, and each that it starts, from looking in the current directory; a value tells that it is ours."""
_MARK = Path("thawline") / "errors.py"


def require_own_rooms(names: Sequence[str] = ROOMS) -> None:
    """Raise if Python takes the package of somebody else for one of ours; it does not import them to tell.

    Raises:
        UsageError: It does.
    """
    for name in names:
        place = _place(name)
        if place is not None and not (place.parent / _MARK).is_file():
            raise UsageError(
                f"the package {name!r} in {place.parent} stands where Thawline looks for its own of that name; start "
                "Python in another directory, take that one off PYTHONPATH and sys.path, or give yours another name "
                "(the command `thawline` does not look in the directory where it is started)"
            )


def without_safe_path(environment: Mapping[str, str]) -> dict[str, str]:
    """Return variables without SAFE_PATH, for a child that also starts what is the user's own."""
    return {name: value for name, value in environment.items() if SAFE_PATH.get(name) != value}


def _place(name: str) -> Path | None:
    """Return the directory or file of a package, imported already or not; None where there is none."""
    module = sys.modules.get(name)
    spec = find_spec(name) if module is None else module.__spec__
    if spec is None:
        return None
    folders = list(spec.submodule_search_locations or ())
    found = folders[0] if folders else spec.origin
    return None if found is None else Path(found).resolve()
