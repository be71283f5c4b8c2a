"""What identifies a piece of work: workspace, params, data version and code version.

Two pieces of work with the same key give the same result, so the second is not done: the key names persisted task
results and keeps the registry free of doubles.
"""

import hashlib
import importlib.metadata
import json
from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from thawline.params import Params
from thawline.params.scopes import RUN, Scope
from thawline.rooms import ROOMS, ROOT
from thawline.workspace import Workspace

LIBRARIES = (
    "numpy",
    "pandas",
    "peft",
    "pillow",
    "scikit-learn",
    "timm",
    "torch",
    "torchvision",
    "transformers",
    "tokenizers",
)


class Context(BaseModel):
    """One run's workspace, params and versions; passed to every task.

    `data_version` names the train and test files, `code_version` this product's sources and the libraries under it.
    `left_out` names training rows that count less, or not at all (`tasks/training/row_weights.py`); they are scored all
    the same.
    """

    model_config = ConfigDict(frozen=True)

    root: Path
    params: Params
    data_version: str
    code_version: str
    left_out: str = ""

    def __hash__(self) -> int:
        """Hash what makes results equal; params may hold mappings, which have no hash of their own."""
        return hash((self.root, self.key()))

    @property
    def workspace(self) -> Workspace:
        """The workspace's paths."""
        return Workspace(self.root)

    def with_params(self, params: Params) -> "Context":
        """Return the same work with other params."""
        return self.model_copy(update={"params": params})

    def key(self, scope: Scope = RUN) -> str:
        """Return a hash of data, code and all params that matter to a kind of work."""
        left_out = [self.left_out] if self.left_out else []
        content = json.dumps(
            [self.data_version, self.code_version, scope.choose(self.params), *left_out], sort_keys=True
        )
        return hashlib.sha256(content.encode()).hexdigest()[:16]

    def directory(self, scope: Scope = RUN) -> Path:
        """Return where the files of the results of a kind of work lie."""
        return self.workspace.steps / self.key(scope)


@cache
def hash_code() -> str:
    """Return a hash of this product's Python sources and the versions of the libraries that results depend on."""
    digest = hashlib.sha256()
    for package in ROOMS:
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(str(path.relative_to(ROOT)).encode())
            digest.update(path.read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library}=={importlib.metadata.version(library)}".encode())
    return digest.hexdigest()[:16]
