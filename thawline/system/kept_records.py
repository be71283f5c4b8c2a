"""Reading the small files that say what became of something: one that is broken is named, set aside, and stops nothing.

A power cut, a full disk on another's watch or a person's editor can leave a file empty or cut off. What it said is then
not known, which its readers can live with; the bytes are kept for a person to look at.
"""

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from thawline.system.files import storage_errors

log = logging.getLogger(__name__)

Content = TypeVar("Content")
BROKEN = ".broken"


def read_or_set_aside(path: Path, parse: Callable[[bytes], Content]) -> Content | None:
    """Return what a file says; None where it is not there, or is broken: then it is kept as `.NAME.broken`.

    Args:
        path: The file.
        parse: Reads its bytes; raises ValueError, KeyError or TypeError where they are not what they must be.

    Raises:
        StorageError: No permission.
    """
    try:
        with storage_errors():
            return parse(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError) as error:
        aside = set_aside(path)
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        log.warning("%s is broken (%s); it is kept as %s, and what it said counts as not known", path, reason, aside)
        return None


def parse_texts(content: bytes) -> dict[str, str]:
    """Return a JSON object's values as texts."""
    return {str(key): str(value) for key, value in dict(json.loads(content)).items()}


def set_aside(path: Path) -> Path:
    """Keep a broken file as `.NAME.broken`, which is returned, for a person to look at.

    Raises:
        StorageError: No permission.
    """
    aside = path.with_name(f".{path.name}{BROKEN}")
    with storage_errors():
        path.replace(aside)
    return aside
