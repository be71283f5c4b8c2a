"""Suites: every expectation that the modules of this package's rooms hand out for a stage."""

import importlib
import pkgutil
from collections.abc import Mapping
from types import ModuleType
from typing import Any, Literal

import great_expectations as gx

from thawline.params import Params

SuiteName = Literal["raw", "processed", "arrival"]
Content = Mapping[str, str]
"""Columns that must hold something in every row, with their types as Great Expectations calls them."""
CLASSES = ("classes",)
"""Kinds of answer that have classes."""
NAMED = ("classes", "labels")
"""Kinds of answer that have names."""


def build_suite(
    name: SuiteName,
    params: Params,
    *,
    content: Content,
    rooms: tuple[str, ...] = ("common",),
    profile: Mapping[str, Any] | None = None,
) -> gx.ExpectationSuite:
    """Collect what each family of each room has for the suite `name`, in order of room and file.

    An expectation that is of some kinds of answer alone names them in `targets`.

    Args:
        name: 'raw' for all data as it came, 'processed' for train and test together, 'arrival' for new rows alone.
        params: Limits.
        content: Columns that must hold something in every row, with their types.
        rooms: Directories of this package.
        profile: For 'arrival', and only there: what the rows so far are like (`thawline.rows.drift.profile`).
    """
    kind = params.target.kind
    arguments = (params, content) if profile is None else (params, content, profile)
    expectations = []
    for room in rooms:
        for family in families(room):
            if hasattr(family, name):
                expectations += getattr(family, name)(*arguments)
    chosen = [each for each in expectations if kind in getattr(each, "targets", (kind,))]
    return gx.ExpectationSuite(name=name, expectations=chosen)


def families(room: str) -> list[ModuleType]:
    """Import all modules of a room, sorted by name."""
    package = importlib.import_module(f"expectations.{room}")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]
