"""A classifier as a Hugging Face directory that `AutoModelForSequenceClassification.from_pretrained` loads.

That is possible only where the architecture's own head can hold ours: one hidden layer, as wide as the encoder, on the
first token's state, with the architecture's activation (`model.pooling: cls`, `model.head_layers: 1`). No weights make
a head on the mean of all tokens agree with it.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from torch import nn

from models.classifiers.classifier import Classifier
from models.classifiers.placement import place
from models.encoders.precision.small_layers import list_small
from thawline.system.files import storage_errors

TOLERANCE = 1e-4


@dataclass(frozen=True)
class OwnHead:
    """An architecture's head: where the encoder lies, its activation, its hidden and its last linear layer."""

    encoder: str
    activation: str
    hidden: str
    last: str


HEADS = {
    "bert": OwnHead("bert", "tanh", "bert.pooler.dense", "classifier"),
    "distilbert": OwnHead("distilbert", "relu", "pre_classifier", "classifier"),
    "electra": OwnHead("electra", "gelu", "classifier.dense", "classifier.out_proj"),
    "mpnet": OwnHead("mpnet", "tanh", "classifier.dense", "classifier.out_proj"),
    "roberta": OwnHead("roberta", "tanh", "classifier.dense", "classifier.out_proj"),
}


def export_transformers(classifier: Classifier, tokenizer: Any, directory: Path, *, classes: Sequence[str]) -> str:
    """Write the directory if the architecture's head can hold the classifier's; return '' or why it can't.

    The outputs of both are compared before anything is written.

    Raises:
        StorageError: No space, or no permission to write.
    """
    reason = why_not(classifier)
    if reason:
        return reason
    own = HEADS[classifier.network.config.model_type]
    config = copy.deepcopy(classifier.network.config)
    config.id2label = dict(enumerate(classes))
    config.label2id = {name: number for number, name in enumerate(classes)}
    with torch.random.fork_rng(devices=[]):  # from_config draws random weights, which are replaced below
        model = transformers.AutoModelForSequenceClassification.from_config(config, trust_remote_code=False).eval()
    model.get_submodule(own.encoder).load_state_dict(classifier.network.state_dict(), strict=False)
    hidden, last = (module for module in classifier.head if isinstance(module, nn.Linear))
    model.get_submodule(own.hidden).load_state_dict(hidden.state_dict())
    model.get_submodule(own.last).load_state_dict(last.state_dict())
    difference = _difference(classifier, model)
    if difference > TOLERANCE:
        return f"its logits differ by {difference:.2g} from those of transformers' {type(model).__name__}"
    with storage_errors():
        model.save_pretrained(directory)
        tokenizer.save_pretrained(directory)
    return ""


def why_not(classifier: Classifier) -> str:
    """Return why a classifier has no place in its architecture's own head; '' if it has."""
    kind = getattr(getattr(classifier.network, "config", None), "model_type", None)
    own = HEADS.get(kind) if isinstance(kind, str) else None
    if own is None:
        return f"no head of transformers is known for the architecture {kind or type(classifier.network).__name__!r}"
    if list_small(classifier.network):
        return "its frozen layers are in a small format (model.frozen_dtype), which transformers does not read"
    spec, width = classifier.head_spec, classifier.network.config.hidden_size
    wanted = ("cls", 1, width, own.activation)
    given = (classifier.pooling, spec.layers, spec.units, spec.activation)
    if given == wanted:
        return ""
    names = ("model.pooling", "model.head_layers", "model.head_units", "model.head_activation")
    shown = ", ".join(
        f"{name} {value}" for name, value, want in zip(names, given, wanted, strict=True) if value != want
    )
    needed = ", ".join(f"{name}: {want}" for name, want in zip(names, wanted, strict=True))
    return f"the head of {kind} in transformers can't hold this one ({shown}); it can hold {needed}"


def _difference(classifier: Classifier, model: Any) -> float:
    """Return the largest difference of logits on rows of two lengths."""
    size = classifier.network.config.vocab_size
    ids = (torch.arange(2 * 7).reshape(2, 7) * 7 + 3) % size
    mask = torch.ones_like(ids)
    mask[1, 5:] = 0
    classifier.eval()
    with torch.inference_mode():
        batch = {"input_ids": ids, "attention_mask": mask}
        ours = place(classifier, torch.device("cpu"))(batch)
        return float((ours - model(**batch).logits).abs().max())
