"""Networks and rows for the peers that take any torch module: texts by transformers, images by timm.

Texts get the mean of the last states with a linear layer on it: what the encoder was made for and what Thawline uses,
where `AutoModelForSequenceClassification` would put a pooler on the first token.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import timm
import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, DataCollatorWithPadding
from transformers.utils import logging

from bench.peers.images import read_images
from bench.peers.protocol import Ints, Task

logging.set_verbosity_error()

BATCH_SIZE = 32


@dataclass(frozen=True)
class Prepared:
    """What a Trainer needs, beside its arguments; `parts` are the network's, input to head."""

    network: nn.Module
    parts: list[list[nn.Parameter]]
    training: list[dict[str, Any]]
    validation: list[dict[str, Any]]
    collate: Callable[[list[dict[str, Any]]], dict[str, Tensor]]


class TextNetwork(nn.Module):
    """A transformers encoder, the mean of its last states, dropout, and a linear layer."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.encoder = AutoModel.from_pretrained(task.encoder, add_pooling_layer=False)
        self.config = self.encoder.config  # a Trainer that smooths labels asks for it
        self.dropout = nn.Dropout(0.1)
        self.classifier = nn.Linear(self.encoder.config.hidden_size, task.num_classes)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
    ) -> dict[str, Tensor]:
        states = self.encoder(input_ids, attention_mask, token_type_ids=token_type_ids).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        logits = self.classifier(self.dropout((states * mask).sum(1) / mask.sum(1)))
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


class ImageNetwork(nn.Module):
    """A timm network that gives its loss and logits as a transformers model does."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.network = timm.create_model(task.architecture, num_classes=task.num_classes)
        weights = torch.load(task.encoder, weights_only=True)
        self.network.load_state_dict(weights, strict=False)  # without its classifier

    def forward(self, pixel_values: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        logits = self.network(pixel_values)
        loss = {} if labels is None else {"loss": nn.functional.cross_entropy(logits, labels)}
        return {**loss, "logits": logits}


def prepare(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Prepared:
    """Load the network and bring both parts of the rows to its input; no labels in the second."""
    torch.manual_seed(task.seed)
    return {"text": _texts, "image": _images}[task.kind](task, training, validation)


def predict(prepared: Prepared) -> Ints:
    """Return the class of each validation row, in their order.

    A Trainer whose training rows are grouped by length groups those that it predicts, too: its answers come in an order
    of their own.
    """
    prepared.network.eval()
    rows = prepared.validation
    with torch.no_grad():
        answers = [
            prepared.network(**prepared.collate(rows[start : start + BATCH_SIZE]))["logits"].argmax(dim=1)
            for start in range(0, len(rows), BATCH_SIZE)
        ]
    predicted: Ints = torch.cat(answers).numpy()
    return predicted


def _texts(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Prepared:
    tokenizer = AutoTokenizer.from_pretrained(task.encoder)
    network = TextNetwork(task)

    def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
        encoded = tokenizer(frame["text"].tolist(), truncation=True, max_length=task.max_tokens)
        return _with_labels([{key: encoded[key][i] for key in encoded} for i in range(len(frame))], frame)

    bert = network.encoder
    blocks = [list(block.parameters()) for block in bert.encoder.layer]
    parts = [list(bert.embeddings.parameters()), *blocks, list(network.classifier.parameters())]
    return Prepared(network, parts, rows(training), rows(validation), DataCollatorWithPadding(tokenizer))


def _images(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Prepared:
    network = ImageNetwork(task)

    def rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
        pixels = torch.from_numpy(read_images(frame["image"], task))
        return _with_labels([{"pixel_values": image} for image in pixels], frame)

    def collate(batch: list[dict[str, Any]]) -> dict[str, Tensor]:
        stacked = {"pixel_values": torch.stack([row["pixel_values"] for row in batch])}
        return stacked | ({"labels": torch.tensor([row["labels"] for row in batch])} if "labels" in batch[0] else {})

    timm_network: Any = network.network
    stages = [list(stage.parameters()) for stage in timm_network.blocks]
    stem = [*timm_network.conv_stem.parameters(), *timm_network.bn1.parameters()]
    top = [*timm_network.conv_head.parameters(), *timm_network.bn2.parameters()]
    parts = [stem, *stages, top, list(timm_network.classifier.parameters())]
    return Prepared(network, parts, rows(training), rows(validation), collate)


def _with_labels(rows: list[dict[str, Any]], frame: pd.DataFrame) -> list[dict[str, Any]]:
    if "label" not in frame:
        return rows
    return [{**row, "labels": label} for row, label in zip(rows, frame["label"].astype(np.int64).tolist(), strict=True)]
