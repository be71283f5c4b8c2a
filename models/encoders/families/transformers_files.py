"""What families of transformers share: loading without noise, and what of a configuration decides the output."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers.initialization import no_init_weights

ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")
"""What the configurations of transformers call it."""
_NOISE = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")


def read_configuration(location: str, attention_dropout: float | None) -> Any:
    """Return a network's configuration, with attention's dropout as asked for where it has one (None: as it is)."""
    config = transformers.AutoConfig.from_pretrained(location, trust_remote_code=False)
    for name in ATTENTION_DROPOUTS:
        if attention_dropout is not None and hasattr(config, name):
            setattr(config, name, attention_dropout)
    return config


def load_pretrained(location: str, attention_dropout: float | None) -> tuple[Any, tuple[str, ...]]:
    """Return a network with its weights in float32, and the names of the tensors that those lack.

    Raises:
        OSError, ValueError, KeyError, RuntimeError, SafetensorError: Nothing loadable is there.
    """
    network, info = transformers.AutoModel.from_pretrained(
        location,
        config=read_configuration(location, attention_dropout),
        dtype=torch.float32,
        use_safetensors=True,
        trust_remote_code=False,
        weights_only=True,
        output_loading_info=True,
    )
    return network, tuple(info["missing_keys"])


def rebuild(location: Path) -> Any:
    """Return the network that a saved configuration describes; its weights are still to be read, and none are drawn."""
    config = transformers.AutoConfig.from_pretrained(location, trust_remote_code=False)
    with no_init_weights():
        return transformers.AutoModel.from_config(config, trust_remote_code=False)


def fingerprint(network: Any) -> dict[str, str | int | None]:
    """Return what besides the weights decides the output of a network of transformers."""
    return {
        "config": hash_configuration(network.config),
        "attention": getattr(network.config, "_attn_implementation", None),
        "transformers": transformers.__version__,
    }


def hash_configuration(config: Any) -> str:
    """Return the SHA-256 (hex) of a transformers configuration, without what says only where it came from."""
    values = {name: value for name, value in config.to_dict().items() if name not in _NOISE}
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


@contextmanager
def quiet_loading() -> Iterator[None]:
    """Keep transformers from drawing progress bars and warnings about heads that we don't use."""
    logging = transformers.utils.logging
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
