"""A training in one of several processes: prints its losses. Started by test_parallel.py."""

import json
import sys
from pathlib import Path

import numpy as np
import torch
from transformers import BertConfig

from models.encoders.loading import load_encoder
from models.encoders.tokenizing import tokenize
from models.training.loop import train
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import BERT_LIKE, make_classifier, make_texts, phase, save_encoder

PHASES = [phase("head", num_epochs=2, rate=3e-2), phase("block_2", "head", num_epochs=2)]


def make_encoder(directory: Path) -> None:
    silent = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    save_encoder(BertConfig(**BERT_LIKE, **silent), directory / "encoder")


def losses(directory: Path) -> list[list[float]]:
    """Train with batches of 7 rows, which two processes can't share evenly, and class weights."""
    encoder = load_encoder("encoder", root=directory)
    texts, labels = make_texts(90)
    order = np.random.default_rng(1).permutation(90)
    data = TrainingData(tokenize(encoder, texts, max_tokens=24), labels, order[:57], order[57:74], order[74:])
    settings = TrainSettings(batch_size=7, class_weights="balanced", device="cpu")
    classifier = make_classifier(encoder, pooling="all_layers", dropout=0.0)
    return [
        [record.train_loss, record.inner_loss, record.validation_loss, record.f1_macro]
        for record in train(classifier, PHASES, data, settings)
    ]


if __name__ == "__main__":
    torch.set_num_threads(1)
    sys.stdout.write(json.dumps(losses(Path(sys.argv[1]))) + "\n")
