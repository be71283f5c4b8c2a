"""A fitted model on disk and back: raw rows in, answers out. No pickle is written or read.

A model directory holds `predictor.json` (modality, kind, classes, params) and, by kind, `finetuned/` (safetensors,
configuration, tokenizer), `baseline.skops`, or the models of a blend in `parts/`; `transformers/` too, where a
class of Hugging Face can hold the model.
Rows are prepared by the same function as in cleaning, so that serving sees what training saw.
"""

import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modalities import get_modality
from modalities.estimator_files import load_estimator, save_estimator
from modalities.fitted import Calibrated, Estimator, Mixture, Network, Vectors, apply_all, load_network
from models.classifiers.classifier import Classifier
from models.classifiers.saving import merged, save_classifier
from models.encoders.loading import Encoder
from models.export.transformers_directory import export_transformers
from models.prediction.shared_layers import FrozenLayers
from targets import Target, target_of
from targets.classes import PROBABILITY
from thawline.params import Params
from thawline.scores.abstention import NEVER, confidence_of
from thawline.scores.answers import Rule
from thawline.system.files import write_atomically

NO_ANSWER = "no_answer"
"""Column of why a row has no answer, '' where it has one; of models that keep a limit."""
SERVED = ("name", "modality", "ingest", "target", "clean", "features")
"""What of the params a model answers by, apart from a network's `model`; nothing else goes with it."""


@dataclass(frozen=True)
class Predictor:
    """A fitted model: class names, the params it answers by, and what answers prepared rows.

    `rule` says which class is answered, see `thawline.scores.answers`; None for the most probable. Where rows have
    several labels it is their thresholds; None for 0.5. Below `limit`, a probability of the class answered, there is no
    answer; None where there always is one. Of a model that estimates a number `classes` holds the one name of its
    output, and `interval` says by how much the interval's ends lie below and above an answer.
    """

    classes: list[str]
    params: Params
    model: Calibrated
    rule: Rule | None = None
    limit: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def target(self) -> Target:
        """What kind of answer it gives."""
        return target_of(self.params)

    def prepared_probabilities(
        self, rows: pd.DataFrame, frozen: FrozenLayers | None = None, vectors: list[Vectors] | None = None
    ) -> NDArray[np.float64]:
        """Return probabilities (rows, classes) of prepared rows, see `apply_all`; of none, none.

        Rows of train and test are prepared already, and preparing twice may change a text.
        """
        if not len(rows):
            return np.empty((0, len(self.classes)))
        return apply_all([self.model], rows, frozen, vectors=vectors)[0]

    def predict(self, given: Any) -> pd.DataFrame:
        """Predict raw rows, as `Modality.to_rows` takes them, in their order.

        Returns:
            `label`, None where the model is too little sure, one `probability_CLASS` column a class, and of a model
            that keeps a limit NO_ANSWER; or `labels` and one `probability_LABEL` a label; or `value`, `value_low` and
            `value_high` of a number. A row without content (an image that can't be decoded, a blank text) has no label,
            no labels and no value either.
        """
        rows = self.prepare(given)
        predicted = self.predict_prepared(rows)
        is_lost = get_modality(self.params.modality).unanswerable(rows).to_numpy(dtype=bool)
        if is_lost.any():
            answered = [str(name) for name in predicted if name != NO_ANSWER]
            for name in (name for name in answered if not name.startswith(PROBABILITY)):
                predicted[name] = predicted[name].astype(object).where(~is_lost, None)
        return predicted

    def prepare(self, given: Any) -> pd.DataFrame:
        """Return raw rows, as `Modality.to_rows` takes them, as the model takes them."""
        modality = get_modality(self.params.modality)
        rows, _ = modality.prepare(modality.to_rows(given, self.params), self.params)
        return rows

    def predict_prepared(self, rows: pd.DataFrame, vectors: list[Vectors] | None = None) -> pd.DataFrame:
        """Predict prepared rows; returns what `predict` returns, and gives `vectors` what `apply_all` does."""
        return self.present(self.prepared_probabilities(rows, vectors=vectors), rows.index)

    def present(self, outputs: NDArray[np.float64], index: pd.Index | None = None) -> pd.DataFrame:
        """Return outputs (rows, classes) as the columns that `predict` returns."""
        answers = self.answers(outputs)
        columns = self.target.present(outputs, answers, self.classes, self.interval)
        predicted = pd.DataFrame(columns, index=index)
        if self.limit is not None:
            confidence = confidence_of(outputs, answers)
            sure = predicted["label"].astype(object)  # text of pandas has no None, and None is what JSON has a word for
            predicted["label"] = sure.where(confidence >= self.limit, None)
            predicted[NO_ANSWER] = [self._why_not(each) for each in confidence]
        return predicted

    def _why_not(self, confidence: float) -> str:
        if self.limit is None or confidence >= self.limit:
            return ""
        if self.limit == NEVER:
            return "no confidence keeps the error that was promised"
        return f"confidence {confidence:.4f}, an answer needs {self.limit:.4f}"

    def answers(self, outputs: NDArray[np.float64]) -> NDArray[Any]:
        """Return the number of the class (rows,) that is answered, of outputs (rows, classes), or a number itself.

        Of several labels a row, which of them apply (rows, labels).
        """
        return self.target.answer(outputs, self.rule)

    def aligned(
        self, rows: pd.DataFrame, classes: list[str], frozen: FrozenLayers | None = None
    ) -> tuple[NDArray[np.float64], NDArray[Any]]:
        """Return probabilities (rows, classes) of prepared rows for `classes`, and what is answered, as `answers` does.

        A class that the model does not know has a probability of 0; one that is not in `classes` is not answered.
        """
        return self.target.align(self.prepared_probabilities(rows, frozen), self.rule, self.classes, classes)


def save_finetuned(
    directory: Path,
    classifier: Classifier,
    encoder: Encoder,
    *,
    params: Params,
    classes: list[str],
    refers: bool = False,
) -> None:
    """Save a fine-tuned classifier; `directory` holds all of it or nothing.

    One that `refers` holds what was trained and the encoder's name and hash: it answers where the encoder is. So does
    that of an encoder that is not in memory.
    """
    refers = refers or classifier.num_streamed > 0
    with _replacing(directory) as target:
        referred = encoder if refers else None
        save_classifier(classifier, encoder.processor, target / "finetuned", settings={}, encoder=referred)
        if not refers:
            export_transformers(merged(classifier), encoder.processor, target / "transformers", classes=classes)
        _describe(target, "finetuned", params, classes)


def save_baseline(directory: Path, estimator: Any, *, params: Params, classes: list[str]) -> None:
    """Save a fitted scikit-learn estimator; `directory` holds all of it or nothing."""
    with _replacing(directory) as target:
        save_estimator(estimator, target / "baseline.skops")
        _describe(target, "baseline", params, classes)


def save_blend(directory: Path, models: Mapping[Path, float], *, params: Params, classes: list[str]) -> None:
    """Save several models as one that mixes their probabilities by their shares, which add up to 1."""
    with _replacing(directory) as target:
        for number, model in enumerate(models):
            shutil.copytree(model, target / "parts" / str(number), copy_function=os.link)
        _describe(target, "blend", params, classes, shares=list(models.values()))


def load_predictor(directory: Path) -> Predictor:
    """Load what one of the functions above wrote; the original encoder is needed only where the model refers to it."""
    return load_predictors([directory])[0]


def load_predictors(directories: Sequence[Path]) -> list[Predictor]:
    """Load several; files that they share, as a blend does with its parts, are read once."""
    loaded: dict[tuple[int, int], Network | Estimator] = {}
    return [_load(directory, loaded) for directory in directories]


def set_outputs(
    directory: Path,
    *,
    temperature: float | None,
    rule: Rule | None,
    limit: float | None = None,
    interval: tuple[float, float] | None = None,
) -> None:
    """Let the model in `directory` divide its logits by a temperature (above 0), answer by a rule, and keep a limit.

    Or let it answer with an interval around a number.
    """
    path = directory / "predictor.json"
    description = json.loads(path.read_text(encoding="utf-8"))
    outputs = {"temperature": temperature, "rule": None if rule is None else rule.tolist(), "limit": limit}
    outputs |= {} if interval is None else {"interval": list(interval)}
    write_atomically(path, json.dumps({**description, **outputs}, indent=2).encode())


def _load(directory: Path, loaded: dict[tuple[int, int], Network | Estimator]) -> Predictor:
    description = json.loads((directory / "predictor.json").read_text(encoding="utf-8"))
    params, kind = Params.model_validate(description["params"]), description["kind"]
    model: Network | Estimator | Mixture
    if kind == "blend":
        shares = description.get("shares") or [1 - description["share"], description["share"]]  # the first had two
        parts = [_load(directory / "parts" / str(number), loaded).model for number in range(len(shares))]
        model = Mixture(tuple(parts), tuple(shares))
    else:
        weights = (directory / ("finetuned/model.safetensors" if kind == "finetuned" else "baseline.skops")).stat()
        key = weights.st_dev, weights.st_ino
        if key not in loaded and kind == "finetuned":
            loaded[key] = load_network(directory / "finetuned", params)
        elif key not in loaded:
            loaded[key] = Estimator(load_estimator(directory / "baseline.skops"), params, len(description["classes"]))
        model = loaded[key]
    rule = None if description.get("rule") is None else np.array(description["rule"])
    ends = description.get("interval")
    return Predictor(
        description["classes"],
        params,
        Calibrated(model, description.get("temperature")),
        rule,
        description.get("limit"),
        None if ends is None else (ends[0], ends[1]),
    )


@contextmanager
def _replacing(directory: Path) -> Iterator[Path]:
    temporary = directory.with_name(f".{directory.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    yield temporary
    shutil.rmtree(directory, ignore_errors=True)
    temporary.rename(directory)


def _describe(directory: Path, kind: str, params: Params, classes: list[str], **more: Any) -> None:
    served = {*SERVED, "model"} if kind == "finetuned" else {*SERVED}
    description = {
        "modality": params.modality,
        "kind": kind,
        "classes": classes,
        "params": params.model_dump(mode="json", include=served),
        **more,
    }
    (directory / "predictor.json").write_text(json.dumps(description, indent=2), encoding="utf-8")
