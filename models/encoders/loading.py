"""Pretrained encoders, by name, without a network when the weights are on the machine.

A name is resolved in this order: `package:NAME/PATH` inside an installed Python package, a directory, a short name of
the catalogue, a Hugging Face hub id; before a bare file of weights stands the architecture that it is of, as in
`resnet18@weights.pth`. What is there is loaded by the encoder's family, see `models/encoders/families/`.
"""

import dataclasses
import hashlib
import importlib.util
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models.encoders.catalogue import CATALOGUE, FORMS, Known, fetched_place, is_there
from models.encoders.families import EncoderSource, Family, Loaded, Structure, find_family, get_family
from models.encoders.precision.rounding import Rounding
from models.encoders.streaming import StreamedWeights, skim, weights_of
from models.encoders.structure import drop_unused
from models.hardware.devices import threads
from models.heads.summaries import SEES_LAYERS
from thawline.errors import EncoderNotFoundError, ParamsError

_HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
WEIGHT_FILES = (".safetensors", ".pth", ".pt", ".bin")


@dataclass(frozen=True)
class Encoder:
    """A pretrained network that nothing may change; classifiers share its weights until they unfreeze them.

    `family` is the name of one of `models/encoders/families/`, `processor` what it makes the network's input with (a
    tokenizer, say). `network` is in eval mode, float32, without gradients; parts that never reach its output are gone
    (`dropped`). Its blocks may be read from their files when they run (`streaming.py`). `weights_hash` is the SHA-256
    of names, dtypes, shapes and bytes of what is left, in float32. `settings` are what its family was given. Where
    layers are in a small format, `rounding` says which.
    """

    name: str
    family: str
    network: nn.Module
    processor: Any
    weights_hash: str
    source: EncoderSource
    structure: Structure
    dropped: tuple[str, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    rounding: Rounding | None = None


def load_encoder(
    name: str, *, root: Path, takes: str = "token ids", settings: Mapping[str, Any] | None = None
) -> Encoder:
    """Load a pretrained encoder and its processor.

    Args:
        name: `package:NAME/PATH`, a directory (absolute, or relative to `root`), a name of the catalogue, a hub id, or
            `ARCHITECTURE@` and a file of weights.
        root: Where relative paths start: the workspace.
        takes: What the encoder is to be given, as families say it.
        settings: What else the family is to know, such as `image_size` (pixels).

    Raises:
        EncoderNotFoundError: Nothing loadable is where `name` says.
    """
    source = resolve_encoder(name, root=root)
    family = find_family(source, takes=takes)
    if family is None:
        raise EncoderNotFoundError(
            f"model.encoder '{name}': no kind of encoder that takes {takes} knows what {source.location} is; {FORMS}. "
            "Give weights of a known library"
        )
    given = settings or {}
    encoder = assemble_encoder(name, family, source, family.load(name, source, given))
    return dataclasses.replace(encoder, settings=given)


def assemble_encoder(name: str, family: Family, source: EncoderSource, loaded: Loaded) -> Encoder:
    """Freeze a network that is in memory, and find its parts.

    Args:
        name: What errors call it.
        family: Its kind.
        source: Where its weights came from.
        loaded: The network, which from now on nobody else may change.

    Raises:
        EncoderNotFoundError: The network does not run as its family does, or its weights lack tensors.
        LayerGroupError: Its layers can't be told apart.
    """
    with threads(1):  # tiny products; a second thread would only wait where another process holds its core
        return _assemble(name, family, source, loaded)


def _assemble(name: str, family: Family, source: EncoderSource, loaded: Loaded) -> Encoder:
    network = loaded.network
    network.eval().requires_grad_(requires_grad=False)
    try:
        probe = family.probe(network, loaded.processor)
        seen, pooling = skim(network), loaded.pooling
        dropped = drop_unused(network, lambda: family.pool(seen, family.hidden(seen, probe), probe, pooling))
    except (AttributeError, TypeError, ValueError) as error:
        raise EncoderNotFoundError(
            f"model.encoder '{name}': {type(network).__name__} does not run on {family.takes} alone ({error}); "
            f"{family.advice}"
        ) from error
    absent = sorted(key for key in loaded.missing if key.split(".")[0] not in dropped)
    if absent:
        raise EncoderNotFoundError(
            f"model.encoder '{name}': its weights lack {len(absent)} tensors, among them {', '.join(absent[:3])}; "
            "give weights of the architecture that its config.json names"
        )
    streamed = weights_of(network)
    digest = hash_weights(network.state_dict(), streamed)
    if streamed is not None:
        streamed.digest = digest
    return Encoder(
        name=name,
        family=family.name,
        network=network,
        processor=loaded.processor,
        weights_hash=digest,
        source=EncoderSource(source.kind, source.location, loaded.commit, source.architecture),
        structure=family.prove_splits(network, family.find_structure(skim(network), probe), probe),
        dropped=dropped,
    )


def check_pooling(encoder: Encoder, pooling: str) -> None:
    """Check that the encoder's states can be pooled so; all layers can be of any.

    Raises:
        ParamsError: They can't.
    """
    if pooling in SEES_LAYERS:
        return
    family = get_family(encoder.family)
    probe = family.probe(encoder.network, encoder.processor)
    try:
        with torch.no_grad(), threads(1):
            family.pool(encoder.network, family.hidden(encoder.network, probe), probe, pooling)
    except ValueError as error:
        raise ParamsError(
            f"model.pooling '{pooling}' can't be had from encoder '{encoder.name}': {error}; set it to 'mean'"
        ) from error


def resolve_encoder(name: str, *, root: Path) -> EncoderSource:
    """Find what `name` means, without loading it or importing its package.

    Raises:
        EncoderNotFoundError: There is no such package or directory, and `name` can't be a hub id.
    """
    if not name.strip():
        raise EncoderNotFoundError(f"model.encoder '{name}': an empty name; {FORMS}. Name one")
    if "@" in name:
        return _file_source(name, root)
    if name.startswith("package:"):
        return EncoderSource("package", str(_in_package(name, name, "config.json").parent))
    directory = root / name
    if directory.is_dir():
        if not (directory / "config.json").is_file():
            raise EncoderNotFoundError(
                f"model.encoder '{name}': {directory} has no config.json; {FORMS}. "
                "Give the directory that a model was saved to with save_pretrained"
            )
        return EncoderSource("directory", str(directory.resolve()))
    if name in CATALOGUE:
        return _known_source(CATALOGUE[name], root)
    if _HUB_ID.fullmatch(name):
        return EncoderSource("hub", name)
    raise EncoderNotFoundError(f"model.encoder '{name}': no directory {directory}; {FORMS}. Correct the path")


def hash_weights(weights: Mapping[str, Tensor], streamed: StreamedWeights | None = None) -> str:
    """Return the SHA-256 (hex) over names, dtypes, shapes and bytes, in the order of the names.

    What has no values, as it is `streamed`, is read for it a piece at a time.
    """
    digest = hashlib.sha256()
    for name in sorted(weights):
        tensor = weights[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        for piece in streamed.pieces(name) if streamed is not None and tensor.is_meta else [tensor]:
            digest.update(piece.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _known_source(known: Known, root: Path) -> EncoderSource:
    if not known.packages:
        return resolve_encoder(known.encoder, root=root)
    if not is_there(known):
        raise EncoderNotFoundError(
            f"model.encoder '{known.name}' is not in your cache yet; `thawline encoders get {known.name}` fetches it "
            f"({known.bytes / 1e6:.0f} MB, {known.licence})"
        )
    return EncoderSource("directory", str(fetched_place(known)))


def _file_source(name: str, root: Path) -> EncoderSource:
    architecture, _, where = name.partition("@")
    path = _in_package(name, where, "") if where.startswith("package:") else (root / where).resolve()
    if not path.is_file() or path.suffix not in WEIGHT_FILES:
        raise EncoderNotFoundError(
            f"model.encoder '{name}': {path} is no file of weights ({', '.join(WEIGHT_FILES)}); {FORMS}. "
            "Correct what stands behind the @"
        )
    return EncoderSource("file", str(path), architecture=architecture)


def _in_package(name: str, where: str, wanted: str) -> Path:
    """Return the path `where` says, with the file `wanted` in it, inside an installed package."""
    package, _, inside = where.removeprefix("package:").partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise EncoderNotFoundError(
            f"model.encoder '{name}': no Python package '{package}' is installed; {FORMS}. "
            "Install the package that carries the weights, in the environment that runs this"
        )
    home = Path(spec.submodule_search_locations[0]).resolve()
    path = (home / inside).resolve() / wanted
    if not path.is_relative_to(home) or not path.is_file():
        raise EncoderNotFoundError(
            f"model.encoder '{name}': no {wanted or 'file'} in '{inside}' inside the package '{package}'; {FORMS}. "
            "Correct the path inside the package"
        )
    return path
