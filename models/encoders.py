"""Pretrained encoders, by name, without a network when the weights are on the machine.

A name is resolved in this order: `package:NAME/PATH` inside an installed Python package, a directory, a Hugging Face
hub id. Weights are read from safetensors only and no code of the model's author runs.
"""

import dataclasses
import hashlib
import importlib.util
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import transformers
from safetensors import SafetensorError
from torch import Tensor, nn

from models.anatomy import Anatomy, drop_unused, find_anatomy, token_probe
from models.splitting import find_splits
from thawline.errors import EncoderNotFoundError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
_FORMS = "an encoder is 'package:NAME/PATH', a directory, or a Hugging Face hub id"


@dataclass(frozen=True)
class EncoderSource:
    """Where weights came from: `location` is a path or hub id, `commit` the hub's revision if known."""

    kind: Literal["package", "directory", "hub"]
    location: str
    commit: str | None = None


@dataclass(frozen=True)
class Encoder:
    """A pretrained network that nothing may change; classifiers share its weights until they unfreeze them.

    `network` is in eval mode, float32, without gradients; parts that never reach its output are gone (`dropped`).
    `weights_hash` is the SHA-256 of names, dtypes, shapes and bytes of what is left.
    """

    name: str
    network: nn.Module
    tokenizer: Any
    weights_hash: str
    source: EncoderSource
    anatomy: Anatomy
    dropped: tuple[str, ...]


def load_encoder(name: str, *, root: Path) -> Encoder:
    """Load a pretrained encoder and its tokenizer.

    Args:
        name: `package:NAME/PATH`, a directory (absolute, or relative to `root`), or a hub id.
        root: Where relative directories start: the workspace.

    Raises:
        EncoderNotFoundError: Nothing loadable is where `name` says.
    """
    source = resolve_encoder(name, root=root)
    with _quiet_loading():
        network, missing = _load_network(name, source)
        tokenizer = _load_tokenizer(name, source)
    network.eval().requires_grad_(requires_grad=False)
    try:
        probe = token_probe(network.config.vocab_size, network.config.pad_token_id)
        dropped = drop_unused(network, probe)
    except (AttributeError, TypeError, ValueError) as error:
        raise EncoderNotFoundError(
            f"model.encoder '{name}': {type(network).__name__} does not run on token ids alone ({error}); "
            "choose an encoder-only model such as BERT"
        ) from error
    absent = sorted(key for key in missing if key.split(".")[0] not in dropped)
    if absent:
        raise EncoderNotFoundError(
            f"model.encoder '{name}': its weights lack {len(absent)} tensors, among them {', '.join(absent[:3])}; "
            "give weights of the architecture that its config.json names"
        )
    anatomy = find_anatomy(network, probe)
    anatomy = dataclasses.replace(anatomy, splits=find_splits(network, anatomy, probe))
    return Encoder(
        name=name,
        network=network,
        tokenizer=tokenizer,
        weights_hash=hash_weights(network.state_dict()),
        source=EncoderSource(source.kind, source.location, getattr(network.config, "_commit_hash", None)),
        anatomy=anatomy,
        dropped=dropped,
    )


def resolve_encoder(name: str, *, root: Path) -> EncoderSource:
    """Find what `name` means, without loading it or importing its package.

    Raises:
        EncoderNotFoundError: There is no such package or directory, and `name` can't be a hub id.
    """
    if not name.strip():
        raise EncoderNotFoundError(f"model.encoder '{name}': an empty name; {_FORMS}. Name one")
    if name.startswith("package:"):
        return EncoderSource("package", str(_package_directory(name)))
    directory = root / name
    if directory.is_dir():
        if not (directory / "config.json").is_file():
            raise EncoderNotFoundError(
                f"model.encoder '{name}': {directory} has no config.json; {_FORMS}. "
                "Give the directory that a model was saved to with save_pretrained"
            )
        return EncoderSource("directory", str(directory.resolve()))
    if _HUB_ID.fullmatch(name):
        return EncoderSource("hub", name)
    raise EncoderNotFoundError(f"model.encoder '{name}': no directory {directory}; {_FORMS}. Correct the path")


def hash_weights(weights: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 (hex) over names, dtypes, shapes and bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _package_directory(name: str) -> Path:
    package, _, inside = name.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise EncoderNotFoundError(
            f"model.encoder '{name}': no Python package '{package}' is installed; {_FORMS}. "
            "Install the package that carries the weights, in the environment that runs this"
        )
    home = Path(spec.submodule_search_locations[0]).resolve()
    directory = (home / inside).resolve()
    if not directory.is_relative_to(home) or not (directory / "config.json").is_file():
        raise EncoderNotFoundError(
            f"model.encoder '{name}': no config.json in '{inside}' inside the package '{package}'; {_FORMS}. "
            "Correct the path inside the package"
        )
    return directory


def _load_network(name: str, source: EncoderSource) -> tuple[Any, Iterable[str]]:
    try:
        network, info = transformers.AutoModel.from_pretrained(
            source.location,
            dtype=torch.float32,
            use_safetensors=True,
            trust_remote_code=False,
            weights_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise _not_loadable(name, error) from error
    return network, info["missing_keys"]


def _load_tokenizer(name: str, source: EncoderSource) -> Any:
    try:
        return transformers.AutoTokenizer.from_pretrained(source.location, trust_remote_code=False)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise _not_loadable(name, error) from error


def _not_loadable(name: str, error: Exception) -> EncoderNotFoundError:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return EncoderNotFoundError(
        f"model.encoder '{name}' can't be loaded: {reason}; {_FORMS}, with config.json, *.safetensors and a tokenizer. "
        "Give one that is on this machine, or go online for a hub id"
    )


@contextmanager
def _quiet_loading() -> Iterator[None]:
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
