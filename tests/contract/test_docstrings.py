"""Every room and module says what it is for."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("bench", "expectations", "flows", "modalities", "models", "targets", "tasks", "thawline")
MODULES = sorted(path.relative_to(ROOT) for room in ROOMS for path in (ROOT / room).rglob("*.py"))
SHORTEST = 15


def says_nothing(source: str) -> list[str]:
    """Return the names of what is documented by a placeholder or by nothing; a module needs a sentence."""
    nodes = [
        node
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    found = []
    for node in nodes:
        text, is_module = ast.get_docstring(node), isinstance(node, ast.Module)
        if text is None and not is_module:
            continue
        letters = re.sub(r"\W", "", text or "")
        if re.match(r"(TODO|FIXME|XXX)\b", text or "") or len(letters) < (SHORTEST if is_module else 1):
            found.append(getattr(node, "name", "module"))
    return found


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ('"""TODO."""', ["module"]),
        ("x = 1", ["module"]),
        ('"""What this module is for."""\ndef f():\n    """."""', ["f"]),
        ('"""What this module is for."""\ndef f():\n    """As `g`."""', []),
    ],
    ids=["a placeholder", "none", "an empty one of a function", "all there"],
)
def test_a_docstring_that_says_nothing_is_found(source: str, names: list[str]) -> None:
    assert says_nothing(source) == names


def test_every_module_says_what_it_is_for() -> None:
    assert len(MODULES) > 100
    empty = {str(path): names for path in MODULES if (names := says_nothing((ROOT / path).read_text("utf-8")))}
    assert empty == {}
