"""What of a transformers configuration decides a network's output."""

import hashlib
import json
from typing import Any

_NOISE = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")


def hash_configuration(config: Any) -> str:
    """Return the SHA-256 (hex) of a transformers configuration, without what says only where it came from."""
    values = {name: value for name, value in config.to_dict().items() if name not in _NOISE}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()
