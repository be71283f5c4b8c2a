"""What a predictor is made of: a network, an estimator, or a mixture; and many predictors applied at once."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modalities import get_modality
from modalities.label_by_label import LabelByLabel
from models.classifiers.classifier import Classifier
from models.classifiers.placement import place
from models.classifiers.saving import ADAPTER, load_classifier
from models.hardware.devices import choose_to_serve
from models.inputs.rows import Rows
from models.prediction.probabilities import catching_vectors, predict_probabilities
from models.prediction.shared_layers import FrozenLayers, name_layers, predict_together
from thawline.params import Params
from thawline.scores.blending import mix
from thawline.scores.calibration import apply_temperature

Probabilities = NDArray[np.float64]
Vectors = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Network:
    """A fine-tuned classifier, and what makes its input of rows; equal `form` makes equal input.

    The classifier goes to its device (`choose_to_serve`) when it is first asked, so that it answers as precisely as
    what it was calibrated on.
    """

    classifier: Classifier
    processor: Any
    params: Params
    form: str

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of its layers, see `name_layers`: all weights are read for them, and who serves alone needs none."""
        return name_layers(self.classifier)

    def encode(self, frame: pd.DataFrame) -> Rows:
        """Return prepared rows as the classifier takes them."""
        rows: Rows = get_modality(self.params.modality).encode(self.processor, frame, self.params)
        return rows


@dataclass(frozen=True, eq=False)
class Estimator:
    """A fitted scikit-learn estimator."""

    estimator: Any
    params: Params
    num_classes: int

    def probabilities(self, frame: pd.DataFrame) -> Probabilities:
        """Return probabilities (rows, classes) of prepared rows."""
        rows = get_modality(self.params.modality).baseline_input(frame)
        return estimator_outputs(self.estimator, rows, self.num_classes)


@dataclass(frozen=True, eq=False)
class Mixture:
    """Several models, which answer by shares that add up to 1."""

    parts: tuple["Calibrated", ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A model whose logits are divided by a temperature, if it has one."""

    model: Network | Estimator | Mixture
    temperature: float | None = None


def estimator_outputs(estimator: Any, rows: Any, num_outputs: int) -> Probabilities:
    """Return probabilities (rows, classes) by an estimator, or numbers (rows, 1) by a regressor.

    Those of one classifier a label are each by itself. Of a class that it was fitted without, the probability is next
    to nothing.
    """
    if isinstance(estimator, LabelByLabel):
        return estimator.predict_proba(rows)
    if num_outputs == 1:
        return np.asarray(estimator.predict(rows), dtype=np.float64)[:, None]
    answer = np.full((len(rows), num_outputs), 1e-12)
    answer[:, estimator.classes_] = estimator.predict_proba(rows)
    return answer


def load_network(directory: Path, params: Params) -> Network:
    """Read a classifier, whose input has the form of another's if all but weights and head are the same."""
    classifier, processor, _ = load_classifier(directory)
    digest = hashlib.sha256(params.model_dump_json(include={"modality", "ingest", "model"}).encode())
    form = (path for path in directory.glob("*/**/*") if path.is_file() and path.parent != directory / ADAPTER)
    for path in sorted(form):
        digest.update(str(path.relative_to(directory)).encode() + b"\0" + path.read_bytes())
    return Network(classifier, processor, params, form=digest.hexdigest())


def apply_all(
    models: Sequence[Calibrated],
    frame: pd.DataFrame,
    frozen: FrozenLayers | None = None,
    *,
    vectors: list[Vectors] | None = None,
) -> list[Probabilities]:
    """Return each model's probabilities (rows, classes) of prepared rows; layers that several share run once.

    Args:
        models: They may share networks.
        frame: Prepared rows.
        frozen: A pretrained encoder's layers, of which the store keeps what they make of the rows.
        vectors: Gets, where nothing is frozen, what the head of the first network sees of the rows (N, D).
    """
    networks = list(dict.fromkeys(network for each in models for network in _networks(each)))
    found: dict[int, Probabilities] = {}
    for form in dict.fromkeys(network.form for network in networks):
        alike = [network for network in networks if network.form == form]
        rows = alike[0].encode(frame)
        caught = vectors if alike[0] is networks[0] and frozen is None else None
        with catching_vectors(alike[0].classifier, rows, caught):
            answers = _apply_alike(alike, rows, frozen)
        found |= {id(network): answer for network, answer in zip(alike, answers, strict=True)}
    return [_answer(each, frame, found) for each in models]


def _apply_alike(networks: Sequence[Network], rows: Rows, frozen: FrozenLayers | None) -> list[Probabilities]:
    for each in networks:
        place(each.classifier, choose_to_serve(_device(each.params)))
    if len(networks) == 1 and frozen is None:
        return [predict_probabilities(networks[0].classifier, rows)]
    return predict_together([each.classifier for each in networks], [each.layers for each in networks], rows, frozen)


def _device(params: Params) -> str:
    """Return where a network is to answer: int8 is for CPUs, wherever it is loaded."""
    return "cpu" if params.model.frozen_dtype == "int8" else params.train.device


def _networks(calibrated: Calibrated) -> list[Network]:
    model = calibrated.model
    if isinstance(model, Mixture):
        return [network for part in model.parts for network in _networks(part)]
    return [model] if isinstance(model, Network) else []


def _answer(calibrated: Calibrated, frame: pd.DataFrame, found: Mapping[int, Probabilities]) -> Probabilities:
    model = calibrated.model
    if isinstance(model, Mixture):
        answer = mix([_answer(part, frame, found) for part in model.parts], model.shares)
    else:
        answer = model.probabilities(frame) if isinstance(model, Estimator) else found[id(model)]
    return answer if calibrated.temperature is None else apply_temperature(answer, calibrated.temperature)
