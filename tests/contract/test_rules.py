"""The version of the rules is looked at whenever the code changes that makes rows of files."""

import ast
import hashlib
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path

from modalities import list_modalities
from tasks.rules import SOURCES, VERSION

ROOT = Path(__file__).parents[2]
ROOMS = ("tasks", "thawline", "modalities")
NO_RULES = (
    *(
        "modalities/__init__.py",
        "modalities/*/overview.py",
        "modalities/nearest_imputer.py",
        "modalities/texts/sizes.py",
    ),
    *(f"modalities/tables/{name}.py" for name in ("boosting", "encoding", "features", "sizes", "spark")),
    *("modalities/images/choice.py", "modalities/images/learning.py"),
    *("tasks/stage.py", "tasks/rules.py", "thawline/page/*", "thawline/params/*"),
    *("thawline/system/addresses.py", "thawline/system/console.py", "thawline/errors.py", "thawline/system/files.py"),
    *("thawline/system/garbage_collection.py", "thawline/workspace.py"),
)
"""What the stages import, and what makes no rows: pages, params, features made later, and what runs a stage."""

RECORDS = ("tasks/versions/dvc_repo.py", "tasks/versions/version_records.py")
"""What the stage `split` asks what it went by before: nothing that these import makes rows."""


def imported(path: Path) -> Iterator[Path]:
    """Yield the modules of ours that a module imports, also inside its functions."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module, *(f"{node.module}.{name}" for name in names)]
        for name in names:
            file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
            if name.partition(".")[0] in ROOMS and file.is_file():
                yield file


def rule_files() -> list[Path]:
    """Return the sources of the rules: what the stages import, and what is imported there, but for NO_RULES."""
    names = [
        "tasks/ingest.py",
        "tasks/clean.py",
        "tasks/split.py",
        *(f"modalities/{one}.py" for one in list_modalities()),
    ]
    todo, found = [ROOT / name for name in names], set[Path]()
    while todo:
        path = todo.pop()
        if path not in found and path.relative_to(ROOT).as_posix() not in RECORDS:
            found.add(path)
            todo += imported(path)
    return sorted(
        path for path in found if not any(fnmatch(path.relative_to(ROOT).as_posix(), name) for name in NO_RULES)
    )


def code_of(path: Path) -> str:
    """Return what a module does, without comments, docstrings and layout."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node) is not None:
            node.body = node.body[1:]
    return ast.dump(tree)


def test_a_change_of_the_rules_is_looked_at_before_it_is_released() -> None:
    codes = [f"{path.relative_to(ROOT)}\n{code_of(path)}" for path in rule_files()]
    found = hashlib.sha256("\n".join([*codes, f"version {VERSION}"]).encode()).hexdigest()[:16]
    assert found == SOURCES, (
        "the code that makes rows of files has changed: if rows, their cleaning or parts come out otherwise, raise "
        "VERSION in tasks/rules.py and in every dvc.yaml (and the commands in dvc.lock); then run this again and set "
        f"SOURCES = {found!r} there"
    )


def test_the_rules_are_those_of_every_modality_and_no_more() -> None:
    names = {path.relative_to(ROOT).as_posix() for path in rule_files()}
    assert {
        "thawline/rows/cleaning.py",
        "thawline/rows/splits.py",
        "thawline/rows/cells.py",
        "modalities/images/sources.py",
    } <= names
    assert all(any(fnmatch(name, f"{room}/*") for room in ROOMS) for name in names)
    assert len(names) < 40
