"""Suites: every expectation that the modules of this package's rooms hand out for a stage."""

import importlib
import pkgutil
from types import ModuleType
from typing import Literal

import great_expectations as gx

from thawline.params import Params

SuiteName = Literal["raw", "processed"]


def build_suite(
    name: SuiteName, params: Params, *, content: str, rooms: tuple[str, ...] = ("common",)
) -> gx.ExpectationSuite:
    """Collect what each family of each room has for the suite `name`, in order of room and file.

    Args:
        name: 'raw' for data as it arrives, 'processed' for train and test together.
        params: Limits.
        content: Column that must hold something in every row.
        rooms: Directories of this package.
    """
    expectations = []
    for room in rooms:
        for family in families(room):
            if hasattr(family, name):
                expectations += getattr(family, name)(params, content)
    return gx.ExpectationSuite(name=name, expectations=expectations)


def families(room: str) -> list[ModuleType]:
    """Import all modules of a room, sorted by name."""
    package = importlib.import_module(f"expectations.{room}")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return [importlib.import_module(f"{package.__name__}.{name}") for name in names]
