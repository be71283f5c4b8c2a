"""The JSON schema of params.yaml, by which an editor completes its keys, checks its values and says what they mean.

The first line of params.yaml names the file, which is of the version that runs here: it is no part of the workspace.
"""

import json
from functools import cache

from thawline.params import Params
from thawline.system.files import write_atomically
from thawline.workspace import Workspace


def write_schema(workspace: Workspace) -> None:
    """Write the schema of this version, if the workspace does not have that already.

    Raises:
        StorageError: No permission or no space.
    """
    content, path = _render_schema(), workspace.params_schema
    if not path.is_file() or path.read_bytes() != content:
        write_atomically(path, content)


@cache
def _render_schema() -> bytes:
    return json.dumps(Params.model_json_schema(), indent=1).encode()
