"""What a sentence encoder does behind its blocks, as its `modules.json` says: pooling, dense layers, normalisation.

Such directories are what sentence-transformers writes. Modules of other kinds are refused by name: without them,
vectors would be others than those that the encoder was trained to give.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from huggingface_hub import snapshot_download
from torch import Tensor, nn
from torch.nn import functional

from models.heads.head import pool

FILE = "modules.json"
OWN = "own"
"""The pooling that stands for an encoder's own."""
POOLINGS = {"cls": "cls", "max": "max", "mean": "mean", "lasttoken": "last_token"}
"""Names of sentence-transformers, and ours."""
_FLAGS = {
    "cls": "cls_token",
    "max": "max_tokens",
    "mean": "mean_tokens",
    "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "weightedmean": "weightedmean_tokens",
    "lasttoken": "lasttoken",
}
"""What older files call them, in the order in which several are put side by side."""
ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    kind.__name__: kind for kind in (nn.GELU, nn.Identity, nn.ReLU, nn.Sigmoid, nn.SiLU, nn.Tanh)
}
_NOT_DONE = {
    "module_input_name": "sentence_embedding",
    "module_output_name": "sentence_embedding",
    "use_residual": False,
}
"""Settings of a dense layer, and the only value that is known here."""


@dataclass(frozen=True)
class Step:
    """A dense layer from `num_inputs` to `num_outputs` with an activation; without any, a normalisation to length 1."""

    num_inputs: int = 0
    num_outputs: int = 0
    bias: bool = True
    activation: str = "Identity"


class SentenceModules(nn.Module):
    """Token states to one vector a row: poolings side by side, then dense layers and normalisations in their order."""

    def __init__(self, poolings: tuple[str, ...], steps: tuple[Step, ...], *, width: int) -> None:
        super().__init__()
        self.poolings = poolings
        self.steps = steps
        self.width = width
        widths = [width * len(poolings), *(step.num_outputs for step in steps if step.num_outputs)]
        self.num_features = widths[-1]
        self.dense = nn.ModuleList(
            nn.Linear(step.num_inputs, step.num_outputs, bias=step.bias) for step in steps if step.num_outputs
        )

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Return (B, D) of states (B, T, W) and their mask (B, T)."""
        vectors = torch.cat([pool(hidden, mask, pooling) for pooling in self.poolings], dim=1)
        layers = iter(self.dense)
        for step in self.steps:
            if step.num_outputs:
                vectors = ACTIVATIONS[step.activation]()(next(layers)(vectors))
            else:
                vectors = functional.normalize(vectors, dim=1)
        return vectors

    def describe(self) -> dict[str, Any]:
        """Return what `build` makes the modules from, without their weights."""
        return {"poolings": self.poolings, "steps": [asdict(step) for step in self.steps], "width": self.width}


def build(description: Mapping[str, Any]) -> SentenceModules:
    """Return the modules that `describe` has described, with any weights."""
    steps = tuple(Step(**step) for step in description["steps"])
    return SentenceModules(tuple(description["poolings"]), steps, width=description["width"])


def load_own(location: str, *, is_hub: bool, width: int) -> SentenceModules:
    """Read what comes behind a network, with its weights; what a hub has of it is fetched.

    Args:
        location: A directory or hub id: where the network came from.
        is_hub: Whether it is a hub id.
        width: Of its states.

    Raises:
        OSError: A file that modules.json names is not there.
        ValueError: There is no modules.json, or a module is of a kind or set in a way that is not known here.
    """
    place = snapshot_download(location, allow_patterns=[FILE, "*_*/*"]) if is_hub else location
    if not (Path(place) / FILE).is_file():
        raise ValueError(f"it has no {FILE}, by which model.pooling '{OWN}' goes; set model.pooling to 'mean'")
    try:
        return _load_modules(Path(place), width=width)
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{error}; set model.pooling to 'mean' to do without what {FILE} says") from error


def _load_modules(directory: Path, *, width: int) -> SentenceModules:
    poolings: tuple[str, ...] = ()
    steps: list[Step] = []
    weights: dict[str, Tensor] = {}
    for module in json.loads((directory / FILE).read_text(encoding="utf-8")):
        kind, place = module["type"].rpartition(".")[2], directory / module["path"]
        if kind == "Pooling":
            poolings = _read_poolings(place)
        elif kind == "Dense":
            number = sum(step.num_outputs > 0 for step in steps)
            steps.append(_read_dense(place))
            read = _read_weights(place)
            weights |= {name.replace("linear.", f"dense.{number}."): tensor for name, tensor in read.items()}
        elif kind == "Normalize":
            steps.append(Step())
        elif kind not in ("Transformer", "Dropout"):
            raise ValueError(
                f"{FILE} names a module of kind {kind}; known are Transformer, Pooling, Dense, Normalize and Dropout"
            )
    if not poolings:
        raise ValueError(f"{FILE} names no Pooling")
    with torch.random.fork_rng(devices=[]):  # weights are drawn, which are replaced below
        modules = SentenceModules(poolings, tuple(steps), width=width)
    modules.load_state_dict({name: tensor.float() for name, tensor in weights.items()})
    return modules


def _read_poolings(place: Path) -> tuple[str, ...]:
    values = _read_json(place / "config.json")
    flags = [name for name in _FLAGS if values.get(f"pooling_mode_{_FLAGS[name]}")]
    given = values.get("pooling_mode") or flags or "mean"
    names = [given] if isinstance(given, str) else list(given)
    unknown = [name for name in names if name not in POOLINGS]
    if unknown or values.get("include_prompt") is False:
        what = f"by {', '.join(unknown)}" if unknown else "without the prompt's tokens"
        raise ValueError(f"{place.name}/config.json pools {what}; known are {', '.join(POOLINGS)}, of all tokens")
    return tuple(POOLINGS[name] for name in names)


def _read_dense(place: Path) -> Step:
    values = _read_json(place / "config.json")
    activation = values.get("activation_function", "torch.nn.modules.activation.Tanh").rpartition(".")[2]
    other = [name for name, known in _NOT_DONE.items() if values.get(name) not in (None, known)]
    if other or activation not in ACTIVATIONS:
        what = f"{other[0]} {values[other[0]]!r}" if other else f"activation {activation}"
        raise ValueError(f"{place.name}/config.json: a dense layer with {what} is not known here")
    return Step(values["in_features"], values["out_features"], values.get("bias", True), activation)


def _read_weights(place: Path) -> dict[str, Tensor]:
    if (place / "model.safetensors").is_file():
        return safetensors.torch.load_file(place / "model.safetensors")
    loaded: dict[str, Tensor] = torch.load(place / "pytorch_model.bin", map_location="cpu", weights_only=True)
    return loaded


def _read_json(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return values
