"""Reading params.yaml, overriding it for one run, and saying what is wrong with it.

`parse_params` is pure; `load_params` reads the file. No override is ever written into it: DVC and its stages, which
read the params themselves, are handed those of the run by their environment (`overridden`), whatever somebody does to
the file meanwhile.
"""

import difflib
import io
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from thawline.errors import ParamsError
from thawline.params import Params
from thawline.system.addresses import masked
from thawline.system.files import write_atomically
from thawline.workspace import Workspace

HANDED = "THAWLINE_PARAMS"
"""Environment variable with the params of a run, for DVC and its stages."""


def load_params(workspace: Workspace, overrides: Sequence[str] = ()) -> Params:
    """Read the workspace's params, with `overrides` such as 'train.policy=full' on top.

    Raises:
        ParamsError: The file is not YAML, or a value, known or new, breaks its rule.
    """
    return parse_params(_read(workspace.params_file), overrides, source=str(workspace.params_file))


def parse_params(values: Mapping[str, Any], overrides: Sequence[str] = (), *, source: str = "params") -> Params:
    """Check `values` with `overrides` on top against the schema; `source` is named in messages.

    Raises:
        ParamsError: One line for each value that breaks its rule.
    """
    try:
        return Params.model_validate(with_overrides(values, overrides))
    except ValidationError as error:
        lines = [_explain(dict(problem)) for problem in error.errors()]
        named = " with ".join([source, *(f"--set {override}" for override in overrides)])
        raise ParamsError("\n".join([f"{masked(named)} is not valid:", *(f"  {line}" for line in lines)])) from None


def with_overrides(values: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return a deep copy of `values` with each 'a.b=value' set; values are read as YAML.

    Raises:
        ParamsError: An override is not of the form KEY=VALUE, or leads through a value that is no section.
    """
    result: dict[str, Any] = _plain(values)
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key.strip():
            raise ParamsError(f"--set {override!r} is not of the form KEY=VALUE; write e.g. --set train.policy=full")
        try:
            value = YAML(typ="safe").load(text)
        except YAMLError:
            value = text
        node = result
        *sections, leaf = key.strip().split(".")
        for section in sections:
            node = node.setdefault(section, {})
            if not isinstance(node, dict):
                raise ParamsError(f"--set {override!r}: {section!r} is a value, not a section; `thawline params` lists")
        node[leaf] = value
    return result


@contextmanager
def overridden(workspace: Workspace, overrides: Sequence[str]) -> Iterator[None]:
    """Hand DVC and its stages the params as they are now with `overrides` on top, for the time of the block."""
    before = os.environ.get(HANDED)
    os.environ[HANDED] = _dumped(with_overrides(_read(workspace.params_file), overrides))
    try:
        yield
    finally:
        os.environ.pop(HANDED)
        if before is not None:
            os.environ[HANDED] = before


def write_lacking(workspace: Workspace, names: Sequence[str]) -> list[str]:
    """Write params such as 'split.seed' into params.yaml, and into what is handed on, where their section lacks them.

    For DVC, which knows no defaults: it refuses a file of before there was such a param, or one written by hand. All
    that stands in the file stays as it is; lines of the defaults come first in their section.

    Returns:
        The names that were lacking.

    Raises:
        StorageError: No permission or no space.
    """
    path = workspace.params_file
    if not path.is_file():
        return []
    given = _read(path)
    parted = {name: name.split(".") for name in names if "." in name}
    lacking = {name: (section, key) for name, (section, key) in parted.items() if key not in (given.get(section) or {})}
    if not lacking:
        return []
    defaults = parse_params(given, source=str(path)).model_dump(mode="json")
    text, handed = path.read_text(encoding="utf-8"), handed_params()
    for section, key in lacking.values():
        text = _with_line(text, section, f"  {key}: {json.dumps(defaults[section][key])}")
        if handed is not None:
            handed.setdefault(section, {})[key] = defaults[section][key]
    write_atomically(path, text.encode())
    if handed is not None:
        os.environ[HANDED] = _dumped(handed)
    return list(lacking)


def handed_params() -> dict[str, Any] | None:
    """Return what `overridden` has handed to this process, None where DVC or a stage was started by itself."""
    text = os.environ.get(HANDED)
    return None if text is None else dict(YAML(typ="safe").load(text))


def nearest(name: str, known: Sequence[str]) -> str | None:
    """Return the one of `known` that looks most like `name`, if any looks like it at all."""
    matches = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return matches[0] if matches else None


def _with_line(text: str, section: str, line: str) -> str:
    """Return YAML with a line more at the beginning of a section, which is made at the end where there is none."""
    head = re.search(rf"^{section}:[ \t]*(#.*)?$", text, re.MULTILINE)
    if head:
        return f"{text[: head.end()]}\n{line}{text[head.end() :]}"
    inline = re.search(rf"^{section}:[ \t]*\{{", text, re.MULTILINE)
    if inline:
        return f"{text[: inline.end()]}{line.strip()}, {text[inline.end() :]}"
    return f"{text.rstrip()}\n\n{section}:\n{line}\n"


def _dumped(values: Mapping[str, Any]) -> str:
    stream = io.StringIO()
    YAML().dump(dict(values), stream)
    return stream.getvalue()


def _read(path: Path) -> dict[str, Any]:
    try:
        values = YAML(typ="safe").load(path.read_bytes())
    except YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}; mend the line named above") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ParamsError(f"{path} holds a {type(values).__name__}, not sections; write e.g. `train: {{policy: full}}`")
    return values


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _explain(problem: dict[str, Any]) -> str:
    path = [str(part) for part in problem["loc"]]
    key = ".".join(path)
    if problem["type"] == "extra_forbidden":
        near = nearest(path[-1], _known_keys(path[:-1]))
        remedy = f"did you mean {'.'.join([*path[:-1], near])!r}?" if near else "`thawline params` lists what there is"
        return f"{key} is not a param; {remedy}"
    if problem["type"] == "missing":
        return f"{key} is missing; add `{key}: VALUE`"
    rule = problem["msg"][0].lower() + problem["msg"][1:]
    return f"{key} = {masked(repr(problem['input']))}: {rule}; `thawline params {path[0]}` describes it"


def _known_keys(path: Sequence[str]) -> list[str]:
    section: type[BaseModel] = Params
    for part in path:
        annotation = section.model_fields[part].annotation if part in section.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        section = annotation
    return list(section.model_fields)
