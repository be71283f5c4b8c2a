"""What the wheel is made of: every file of our packages; `python -m tests.wheel.installed` builds and runs it."""

import subprocess
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from tasks.rules import DVC_YAML
from thawline.rooms import ROOMS, ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def known(*places: str) -> list[Path]:
    command = ["git", "ls-files", *places]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [Path(line) for line in listed.split()]


def test_every_file_of_our_packages_goes_into_the_wheel() -> None:
    find, data = (PROJECT["tool"]["setuptools"][key] for key in ("packages", "package-data"))
    patterns, included, left_out = data["*"], find["find"]["include"], []
    for path in known(*ROOMS):
        package = path.parent
        while not (ROOT / package / "__init__.py").is_file():
            package = package.parent
        is_found = any(fnmatch(".".join(package.parts), pattern) for pattern in included)
        is_module = path.suffix == ".py" and package == path.parent
        is_data = any(fnmatch(path.relative_to(package).as_posix(), pattern) for pattern in patterns)
        if not (is_found and (is_module or is_data)):
            left_out.append(str(path))
    assert left_out == []


def test_what_init_copies_is_what_this_workspace_has() -> None:
    assert DVC_YAML.read_text() == (ROOT / "dvc.yaml").read_text()
    assert DVC_YAML.is_relative_to(ROOT / "tasks")


def test_the_image_is_built_by_the_steps_that_are_tested() -> None:
    program = (ROOT / "tests" / "wheel" / "installed.py").read_text()
    image = (ROOT / "deploy" / "Dockerfile").read_text()
    for words in ("pip wheel --no-deps --wheel-dir", "pip install", "--constraint", "constraints.txt", "pip check"):
        assert words in image
        assert all(f'"{word}"' in program or word in program for word in words.split())


def test_the_image_holds_nothing_but_the_product() -> None:
    shown = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert shown == {*ROOMS, "LICENSE", "README.md", "constraints.txt", "pyproject.toml"}
    assert all((ROOT / name).exists() for name in shown)
