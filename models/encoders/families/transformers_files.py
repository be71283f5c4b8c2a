"""What families of transformers share: loading without noise, and what of a configuration decides the output.

Weights are safetensors, or pickles that torch reads with `weights_only=True`: no code in them runs, nor any of the
model's author.
"""

import hashlib
import json
import logging
import math
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from accelerate import init_empty_weights
from huggingface_hub import try_to_load_from_cache
from transformers.initialization import no_init_weights

from models.encoders.streaming import attach_weights
from models.encoders.weight_files import TensorPlace, list_tensors
from models.hardware.memory import exceeds_memory
from thawline.params.file import nearest

logger = logging.getLogger(__name__)

ATTENTION_DROPOUTS = ("attention_probs_dropout_prob", "attention_dropout")
"""What the configurations of transformers call it."""
PICKLED = "pytorch_model.bin"
NEVER, ALWAYS = "never", "always"
_NOISE = ("_name_or_path", "transformers_version", "architectures", "dtype", "torch_dtype")


def read_configuration(location: str, attention_dropout: float | None) -> Any:
    """Return a network's configuration, with attention's dropout as asked for where it has one (None: as it is)."""
    _require_known(location)
    config = transformers.AutoConfig.from_pretrained(location, trust_remote_code=False)
    for name in ATTENTION_DROPOUTS:
        if attention_dropout is not None and hasattr(config, name):
            setattr(config, name, attention_dropout)
    return config


def load_pretrained(
    location: str, attention_dropout: float | None, *, stream: str = NEVER
) -> tuple[Any, tuple[str, ...]]:
    """Return a network with its weights in float32, and the names of the tensors that those lack.

    Args:
        location: A directory or hub id.
        attention_dropout: Of attention's weights; None for what the configuration says.
        stream: Whether blocks are read from the files when they run, see `models/encoders/streaming.py`: `never`,
            `always`, or `auto` for those that would take too much memory.

    Raises:
        OSError, ValueError, KeyError, RuntimeError, SafetensorError: Nothing loadable is there, or it can't be read
            block by block though it has to.
    """
    config = read_configuration(location, attention_dropout)
    if stream == NEVER:
        return _load_whole(location, config)
    try:
        places = _find_tensors(location)
        num_weights = sum(math.prod(place.shape) for place in places.values())
        if stream == ALWAYS or exceeds_memory(num_weights):
            return _load_streamed(config, places)
    except (OSError, ValueError) as error:
        if stream == ALWAYS:
            raise ValueError(f"it can't be read block by block ({error}); set model.stream to 'auto'") from error
        logger.debug("%s is loaded whole: %s", location, error)
    return _load_whole(location, config)


def _find_tensors(location: str) -> dict[str, TensorPlace]:
    """Return where each tensor of a directory lies, or of a hub id that has been fetched before."""
    config = Path(location) / "config.json"
    if not config.is_file():
        fetched = try_to_load_from_cache(location, config.name)
        if not isinstance(fetched, str):
            raise FileNotFoundError(f"{location} has not been fetched yet")
        config = Path(fetched)
    return list_tensors(config.parent)


def _load_streamed(config: Any, places: Mapping[str, TensorPlace]) -> tuple[Any, tuple[str, ...]]:
    with no_init_weights(), init_empty_weights(include_buffers=False):
        network = transformers.AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
    prefix = f"{network.base_model_prefix}."
    own = {path.removeprefix(prefix): place for path, place in places.items()}  # as a model with a head has saved it
    return network, attach_weights(network, own)


def _load_whole(location: str, config: Any) -> tuple[Any, tuple[str, ...]]:
    try:
        network, info = transformers.AutoModel.from_pretrained(
            location,
            config=config,
            dtype=torch.float32,
            use_safetensors=_has_safetensors(Path(location)),
            trust_remote_code=False,
            weights_only=True,
            output_loading_info=True,
        )
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{PICKLED} holds more than tensors, and code in a file of weights is never run; where you trust it, load "
            "it with transformers and save it anew with save_pretrained, which writes model.safetensors"
        ) from error
    return network, tuple(info["missing_keys"])


def _has_safetensors(directory: Path) -> bool:
    """Return whether weights are read from safetensors, as those of a hub always are, or from a pickle of tensors."""
    if not directory.is_dir() or any(directory.glob("*.safetensors")):
        return True
    if not any(directory.glob(f"{Path(PICKLED).stem}*.bin")):
        there = ", ".join(
            sorted(path.name for path in directory.iterdir() if path.suffix not in (".json", ".txt", ".md"))
        )
        raise ValueError(f"it has no weights, neither *.safetensors nor {PICKLED}, but {there or 'nothing else'}")
    return False


def _require_known(location: str) -> None:
    """Refuse with a ValueError a directory whose architecture transformers does not know, by its name."""
    path = Path(location) / "config.json"
    kind = json.loads(path.read_text(encoding="utf-8")).get("model_type") if path.is_file() else None
    if kind is None or kind in transformers.CONFIG_MAPPING:
        return
    known = list(transformers.CONFIG_MAPPING.keys())
    near = nearest(kind, known)
    raise ValueError(
        f"its config.json names the architecture '{kind}', which is none of the {len(known)} that transformers "
        f"{transformers.__version__} knows{f' (near: {near})' if near else ''}; a newer transformers may know it, and "
        "code that comes with weights is never run"
    )


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
