"""Leaves that every room may import: params, errors, paths, rows and scores. No vendor is imported here.

A room imports from those before it here, never from one behind it: `errors` and `workspace`, `system/` (files, locks,
logs), `page/` and `params/`, `formats/`, `rows/` and `scores/`, `context`, `servers/`. Read `workspace.py` first, then
`params/__init__.py`.

It is also the product's name in Python: `thawline.open(".").run()`. What that needs is imported when it is asked for,
so that `import thawline` takes no time and needs nothing.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flows.interface import Space, init
    from flows.interface import open_space as open  # noqa: A004 - the name that a person looks for
    from flows.outcome import Outcome

__version__ = "0.1.0"
__all__ = ["Outcome", "Space", "init", "open"]

_INTERFACE = {"Outcome": "Outcome", "Space": "Space", "init": "init", "open": "open_space"}


def __getattr__(name: str) -> Any:
    """Return a name of the Python interface.

    Raises:
        UsageError: A package of somebody else stands in the place of one of ours.
    """
    if name not in _INTERFACE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from thawline.rooms import require_own_rooms

    require_own_rooms()
    from flows import interface

    return getattr(interface, _INTERFACE[name])
