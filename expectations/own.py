"""Expectations of a workspace's own: classes in the Python files of its folder `expectations/`.

They are trusted as its params are, and run in this process. Each file is loaded by its path, under a name that no
package has: our package of the same name stays what `import expectations` means, in these files, too.
"""

import ast
import hashlib
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import CodeType
from typing import Any

from thawline.errors import UsageError

FOLDER = "expectations"
PREFIX = "own_expectations_"


class _Source(SourceFileLoader):
    """Reads the file itself: no bytecode, which may be of what it was before, is taken or left in the workspace."""

    def get_code(self, fullname: str) -> CodeType | None:  # noqa: ARG002  # Python's signature
        return self.source_to_code(self.get_data(self.path), self.path)


def own_files(root: Path) -> list[Path]:
    """Return the files of a workspace that hold expectations; in a clone the folder is our package, and none of them.

    Names that begin with an underscore are left out.
    """
    folder = root / FOLDER
    if not folder.is_dir() or folder.resolve() == Path(__file__).resolve().parent:
        return []
    return sorted(path for path in folder.glob("*.py") if not path.name.startswith("_"))


def fingerprint(root: Path) -> str:
    """Return a hash of a workspace's own expectations, '' where it has none."""
    files = own_files(root)
    content = b"".join(path.name.encode() + b"\0" + path.read_bytes() + b"\0" for path in files)
    return hashlib.sha256(content).hexdigest()[:12] if files else ""


def load_own(root: Path) -> dict[str, Any]:
    """Import a workspace's own files and return the expectations in them, by the name of their class.

    Raises:
        UsageError: A file breaks, or names a class as one that there is already.
    """
    found: dict[str, Any] = {}
    for path in own_files(root):
        for name, kind in _load(path).items():
            if name in found:
                raise UsageError(f"{path}: the class {name} is in another file of {FOLDER}/, too; rename one of them")
            found[name] = kind
    return found


def _load(path: Path) -> dict[str, Any]:
    from great_expectations.expectations.expectation import Expectation

    digest = hashlib.sha256(str(path).encode() + b"\0" + path.read_bytes()).hexdigest()[:16]
    module_name = f"{PREFIX}{digest}"
    module = sys.modules.get(module_name)
    if module is None:
        spec = spec_from_loader(module_name, _Source(module_name, str(path)))
        assert spec is not None  # noqa: S101  # a loader was given
        assert spec.loader is not None  # noqa: S101
        module = module_from_spec(spec)
        try:
            _refuse_known_names(path)
            sys.modules[module_name] = module
            spec.loader.exec_module(module)
        except (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, NameError, OSError,
                SyntaxError, TypeError, ValueError) as error:  # fmt: skip
            sys.modules.pop(module_name, None)
            raise UsageError(f"{path} can't be loaded: {type(error).__name__}: {error}; mend or remove it") from error
    return {
        name: value
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Expectation) and value.__module__ == module_name
    }


def _refuse_known_names(path: Path) -> None:
    """Refuse a file that would stand in the place of stock or our own expectations, before any of it runs."""
    import great_expectations.expectations  # noqa: F401  # registers the stock ones
    from great_expectations.exceptions import ExpectationNotFoundError
    from great_expectations.expectations.registry import get_expectation_impl
    from great_expectations.util import camel_to_snake

    for node in ast.walk(ast.parse(path.read_bytes())):
        if not isinstance(node, ast.ClassDef):
            continue
        try:
            known = get_expectation_impl(camel_to_snake(node.name))
        except ExpectationNotFoundError:
            continue
        if not known.__module__.startswith(PREFIX):
            raise UsageError(f"{path}: the class {node.name} is called as one of {known.__module__}; rename yours")
