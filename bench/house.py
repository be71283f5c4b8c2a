"""What the house is like: `python -m bench.house [GIT-REF]` says it of the working tree, or of a commit.

Files in a folder, lines, the longest files, circles of imports, and how many functions take a `context`.
"""

import ast
import io
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import grimp
import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

ROOT = Path(__file__).resolve().parents[1]
ROOMS = ("expectations", "flows", "modalities", "models", "targets", "tasks", "thawline")
MAX_FILES, MAX_LINES = 18, 300
ONE_FILE_EACH = ("flows/commands",)
"""Folders where a file is a command: there may be as many as there are commands."""
DOORS = {("thawline", "flows.interface"), ("thawline", "flows.outcome"), ("thawline.rooms", "thawline")}
"""What the package's own door opens, `thawline.open` and so on, is imported when it is asked for."""


@dataclass(frozen=True)
class House:
    """The modules of all rooms, by their paths."""

    files: Counter[str]
    """Modules of each folder, beside its `__init__`."""
    lines: dict[str, int]
    circles: list[list[str]]
    """Modules that import each other, in one way or another."""
    room_circles: list[list[str]]
    """The same of what stands side by side in a room: rooms and modules, each with all that is in it."""
    context_functions: Counter[str]
    """How many functions of a file take a `context`."""


def look_at(root: Path) -> House:
    """Return what the tree at `root` is like."""
    rooms = [room for room in ROOMS if (root / room / "__init__.py").is_file()]
    modules = [path for room in rooms for path in sorted((root / room).rglob("*.py"))]
    sys.path.insert(0, str(root))
    try:
        graph = grimp.build_graph(*rooms, cache_dir=None)
    finally:
        sys.path.remove(str(root))
    names = sorted(graph.modules)
    edges = {(name, other) for name in names for other in graph.find_modules_directly_imported_by(name)} - DOORS
    return House(
        files=Counter(_place(path.parent, root) for path in modules if path.name != "__init__.py"),
        lines={_place(path, root): len(path.read_bytes().splitlines()) for path in modules},
        circles=find_circles(edges),
        room_circles=[circle for name in names for circle in find_circles(set(_beside(edges, name)))],
        context_functions=Counter({_place(path, root): number for path in modules if (number := _take_context(path))}),
    )


def find_circles(edges: set[tuple[str, str]]) -> list[list[str]]:
    """Return the groups of names of which each leads to each other."""
    names = sorted({name for edge in edges for name in edge})
    place = {name: number for number, name in enumerate(names)}
    if not names:
        return []
    starts, ends = ([place[edge[side]] for edge in edges] for side in (0, 1))
    matrix = csr_array((np.ones(len(edges)), (starts, ends)), shape=(len(names), len(names)))
    labels = connected_components(matrix, directed=True, connection="strong")[1]
    groups = [[name for name, label in zip(names, labels, strict=True) if label == group] for group in set(labels)]
    return [group for group in groups if len(group) > 1]


def _beside(edges: set[tuple[str, str]], package: str) -> Iterator[tuple[str, str]]:
    """Yield the imports between the children of a package, each with all that is in it."""
    depth = package.count(".") + 2
    for edge in edges:
        if all(name.startswith(f"{package}.") for name in edge):
            start, end = (".".join(name.split(".")[:depth]) for name in edge)
            if start != end:
                yield start, end


def _take_context(path: Path) -> int:
    functions = (node for node in ast.walk(ast.parse(path.read_bytes())) if isinstance(node, ast.FunctionDef))
    return sum(any(each.arg == "context" for each in _arguments(function)) for function in functions)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _place(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix()


def describe(house: House) -> str:
    """Return all of it in words."""
    longest = sorted(house.lines.items(), key=lambda item: -item[1])
    long = [name for name, number in longest if number > MAX_LINES]
    by_room = Counter[str]()
    for name, number in house.lines.items():
        by_room[name.partition("/")[0]] += number
    functions = house.context_functions
    rooms = ", ".join(f"{room} {number:,}" for room, number in sorted(by_room.items()))
    name, most = longest[0]
    middle = f"{statistics.median(house.lines.values()):g}"
    says = [
        f"files: {len(house.lines)} in {len(house.files)} folders",
        "fullest folders: " + ", ".join(f"{name} {number}" for name, number in house.files.most_common(6)),
        f"lines: {sum(house.lines.values()):,} ({rooms})",
        f"lines of a file: median {middle}, longest {most} ({name}); {len(long)} over {MAX_LINES}",
        f"circles between modules: {len(house.circles)} {house.circles or ''}",
        f"circles between what stands side by side: {len(house.room_circles)} {house.room_circles or ''}",
        f"`context` is a parameter of {sum(functions.values())} functions in {len(functions)} files",
    ]
    return "\n".join(says)


def main(reference: str | None) -> None:
    """Print it of the working tree, or of a commit."""
    if reference is None:
        print(describe(look_at(ROOT)))
        return
    packed = subprocess.run(["git", "archive", reference], cwd=ROOT, check=True, capture_output=True).stdout
    with tempfile.TemporaryDirectory() as directory:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(directory, filter="data")
        print(describe(look_at(Path(directory))))


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else None)
