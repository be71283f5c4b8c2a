"""What tasks hand to each other: small, JSON-able and persisted, so that a rerun redoes only what is missing.

A subject a module; here stands what all are. Arrays lie in files beside, under .thawline/steps/<key>/; a result holds
their paths.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from thawline.errors import ThawlineError


class Result(BaseModel):
    """A frozen result of a task."""

    model_config = ConfigDict(frozen=True)


def save_arrays(path: Path, **arrays: NDArray[Any]) -> Path:
    """Save arrays as .npz so that the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.npz")
    np.savez(temporary, allow_pickle=False, **arrays)
    temporary.replace(path)
    return path


def load_arrays(path: Path) -> Any:
    """Open a .npz that a persisted result names; nothing in it is unpickled.

    Raises:
        ThawlineError: The file is gone although the result that names it was kept.
    """
    if not path.is_file():
        raise ThawlineError(f"{path} is gone although results name it; run again with --fresh to compute it anew")
    return np.load(path, allow_pickle=False)
