"""Checkpoints in a directory: where a training is, whole or not at all, without pickle.

- One is two files of a name: .safetensors with the tensors, then .json with everything else and the hash of both. It
  counts from the moment the .json stands there.
- Names sort in time: phase-00-0003-000012 (phase, epochs done in it, steps done in the next), phase-00-end.
- The end of every phase is kept, and the last two within the phase under way: if the last one is damaged, the one
  before serves.
- Each carries the identity of its training up to and with its phase, so that phases may be added later. One of another
  training, or a damaged one, is ignored and removed.

A directory serves one process at a time.
"""

import dataclasses
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors.torch
from torch import Tensor

from models.classifiers.classifier import Classifier
from models.training.policies import Phase
from models.training.records import TrainingData, TrainSettings
from thawline.system.files import storage_errors, write_atomically

logger = logging.getLogger(__name__)

FORMAT = 1
KEPT_WITHIN_PHASE = 2


@dataclass(frozen=True)
class Checkpoint:
    """One point of a training, in phase number `phase`: at its end, or after `epoch` epochs and `step` more steps.

    `content` is JSON-able.
    """

    phase: int
    ended: bool
    epoch: int
    step: int
    content: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    @property
    def name(self) -> str:
        """The files' name without ending."""
        return f"phase-{self.phase:02d}-" + ("end" if self.ended else f"{self.epoch:04d}-{self.step:06d}")


class Checkpoints:
    """The checkpoints of one training, below `directory`.

    With `every_steps` there is one after so many optimizer steps within an epoch too, besides those at the ends of
    epochs and phases.
    """

    def __init__(self, directory: Path, *, every_steps: int | None = None) -> None:
        self.directory = directory
        self.every_steps = every_steps

    def save(self, checkpoint: Checkpoint, identity: str) -> None:
        """Write a checkpoint and remove those that it makes superfluous.

        Args:
            checkpoint: The point.
            identity: Of the training up to and with the checkpoint's phase, by `identify`.

        Raises:
            StorageError: No space, or no permission to write.
        """
        packed = _packed(checkpoint.tensors)
        point = {key: getattr(checkpoint, key) for key in ("phase", "ended", "epoch", "step", "content")}
        header = {"format": FORMAT, "identity": identity, "tensors": hashlib.sha256(packed).hexdigest(), **point}
        write_atomically(self.directory / f"{checkpoint.name}.safetensors", packed)
        write_atomically(
            self.directory / f"{checkpoint.name}.json", json.dumps({"seal": _seal(header), "header": header}).encode()
        )
        within = sorted(path.stem for path in self.directory.glob(f"phase-{checkpoint.phase:02d}-[0-9]*.json"))
        for name in within if checkpoint.ended else within[:-KEPT_WITHIN_PHASE]:
            self._remove(name)

    def latest(self, identities: Sequence[str]) -> Checkpoint | None:
        """Return the last sound checkpoint of a training; remove what is damaged, of another training, or half written.

        Args:
            identities: One for each phase of the training, by `identify`. Checkpoints of later phases are left alone.
        """
        written = {path.stem for path in self.directory.glob("phase-*.json")}
        for path in [*self.directory.glob("phase-*.safetensors"), *self.directory.glob(".*.tmp")]:
            if path.stem not in written:  # the process was killed between the two files
                path.unlink(missing_ok=True)
        for name in sorted(written, reverse=True):
            number = int(name.split("-")[1])
            checkpoint = self._read(name, identities[number]) if number < len(identities) else None
            if checkpoint is not None:
                return checkpoint
            if number < len(identities):
                self._remove(name)
        return None

    def _read(self, name: str, identity: str) -> Checkpoint | None:
        """Return a checkpoint, None if it is damaged or of another training."""
        try:
            sealed = json.loads((self.directory / f"{name}.json").read_bytes())
            packed = (self.directory / f"{name}.safetensors").read_bytes()
            header = sealed["header"]
            whole = _seal(header) == sealed["seal"] and hashlib.sha256(packed).hexdigest() == header["tensors"]
        except (OSError, ValueError, KeyError, TypeError):
            whole = False
        if not whole:
            logger.warning("Checkpoint %s in %s is damaged; going back to the one before", name, self.directory)
            return None
        if header["format"] != FORMAT or header["identity"] != identity:
            logger.info("Checkpoint %s in %s is of another training; it is replaced", name, self.directory)
            return None
        fields = {key: header[key] for key in ("phase", "ended", "epoch", "step", "content")}
        tensors = {key: tensor.clone() for key, tensor in safetensors.torch.load(packed).items()}  # clones are aligned
        return Checkpoint(**fields, tensors=tensors)

    def _remove(self, name: str) -> None:
        with storage_errors():
            for ending in ("json", "safetensors"):  # in this order: without the .json the rest is no checkpoint
                (self.directory / f"{name}.{ending}").unlink(missing_ok=True)


def identify(classifier: Classifier, phases: Sequence[Phase], data: TrainingData, settings: TrainSettings) -> list[str]:
    """Return the identity of a training up to and with each of its phases: all that decides its weights there.

    Args:
        classifier: As it is before training; its own weights are part of the identity, the encoder's by their hash.
        phases: In order; those after a phase do not change its identity.
        data: Labels, what each row looks like to the network, and what it serves for.
        settings: How to train.
    """
    digest = hashlib.sha256(
        f"{FORMAT} {classifier.weights_hash} {classifier.pooling} {classifier.layers} {classifier.groups}".encode()
    )
    digest.update(repr((classifier.head_spec, classifier.num_classes, classifier.first_trained)).encode())
    digest.update(_packed(own_tensors(classifier, classifier.groups[classifier.first_trained :])))
    digest.update(b"" if classifier.adapters is None else repr(classifier.adapters).encode())
    digest.update(json.dumps(dataclasses.asdict(settings), sort_keys=True).encode())
    for array in (data.labels, data.train, data.inner, data.validation, data.weights):
        digest.update(b"none" if array is None else repr(array.shape).encode() + array.tobytes())
    digest.update(b"".join(data.rows.keys))
    digest.update(repr(data.augment).encode())
    digest.update(b"none" if data.views is None else b"".join(data.views.keys))
    identities = []
    for phase in phases:
        digest.update(json.dumps(dataclasses.asdict(phase), sort_keys=True).encode())
        identities.append(digest.copy().hexdigest())
    return identities


def own_tensors(classifier: Classifier, groups: Sequence[str]) -> dict[str, Tensor]:
    """Return the parameters of some layer groups that training may change, and all buffers, by name; tied ones once."""
    chosen = {classifier.groups.index(group) for group in groups}
    parameters = {
        name: parameter
        for name, parameter in classifier.named_parameters()
        if classifier.group_index(name) in chosen and classifier.may_train(name)
    }
    return {**parameters, **dict(classifier.named_buffers())}


def _packed(tensors: Mapping[str, Tensor]) -> bytes:
    return safetensors.torch.save({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()})


def _seal(header: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(header, sort_keys=True).encode()).hexdigest()
