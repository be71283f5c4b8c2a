"""What people label from: files side by side, and rows as Label Studio takes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from thawline.system.files import write_atomically


def write_files(directory: Path, contents: Mapping[str, tuple[str, str]]) -> dict[str, Path]:
    """Write each kind of file, under its name and with its content; return their places by kind.

    Raises:
        StorageError: No permission or no space.
    """
    paths = {kind: directory / name for kind, (name, _) in contents.items()}
    for kind, (_, content) in contents.items():
        write_atomically(paths[kind], content.encode())
    return paths


def labelling_task(data: Mapping[str, Any], *, guess: str, score: float | None, version: str) -> dict[str, Any]:
    """Return a row as a task of Label Studio; a guess that has a score (0 to 1) is its prediction."""
    choice = {"from_name": "label", "to_name": "content", "type": "choices", "value": {"choices": [guess]}}
    prediction = {"model_version": version, "score": score, "result": [choice]}
    return {"data": dict(data), "predictions": [prediction] if score is not None and np.isfinite(score) else []}
