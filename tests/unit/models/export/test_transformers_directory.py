"""A head that the architecture can hold goes to transformers with equal outputs; others are refused with the reason."""

from pathlib import Path

import pytest
import torch
import transformers

from models.classifiers.classifier import build_classifier
from models.encoders.loading import load_encoder
from models.export.transformers_directory import export_transformers, why_not
from models.heads.head import HeadSpec
from tests.unit.models.conftest import CONFIGS, save_encoder

CLASSES = ["ham", "spam", "eggs"]
FITTING = {"bert": "tanh", "roberta": "tanh", "distilbert": "relu", "mpnet": "tanh"}


@pytest.mark.parametrize("name", FITTING)
def test_from_pretrained_gives_the_classifiers_logits(tmp_path: Path, name: str) -> None:
    encoder = load_encoder(str(save_encoder(CONFIGS[name](), tmp_path / "encoder")), root=tmp_path)
    head = HeadSpec(layers=1, units=32, activation=FITTING[name])  # type: ignore[arg-type]
    classifier = build_classifier(encoder, num_classes=3, head=head, pooling="cls", seed=1)
    assert export_transformers(classifier, encoder.processor, tmp_path / "out", classes=CLASSES) == ""
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    batch = tokenizer(["w1 w2 w3", "w4"], padding=True, return_tensors="pt", return_token_type_ids=False)
    with torch.inference_mode():
        expected = classifier({key: batch[key] for key in ("input_ids", "attention_mask")})
        assert torch.allclose(model(**batch).logits, expected, atol=1e-5)
    assert model.config.id2label == dict(enumerate(CLASSES))
    assert not list((tmp_path / "out").glob("*.bin"))


REFUSED = [
    pytest.param("bert", "mean", HeadSpec(layers=1, units=32, activation="tanh"), "model.pooling mean", id="mean"),
    pytest.param("bert", "cls", HeadSpec(), "model.head_layers 0", id="linear head"),
    pytest.param("roberta", "cls", HeadSpec(layers=1, units=32), "model.head_activation gelu", id="activation"),
    pytest.param("modernbert", "cls", HeadSpec(), "modernbert", id="unknown head"),
]


@pytest.mark.parametrize(("name", "pooling", "head", "told"), REFUSED)
def test_what_the_architecture_cannot_hold_is_said_and_nothing_is_written(
    tmp_path: Path, name: str, pooling: str, head: HeadSpec, told: str
) -> None:
    encoder = load_encoder(str(save_encoder(CONFIGS[name](), tmp_path / "encoder")), root=tmp_path)
    classifier = build_classifier(encoder, num_classes=3, head=head, pooling=pooling, seed=1)
    assert told in why_not(classifier)
    assert told in export_transformers(classifier, encoder.processor, tmp_path / "out", classes=CLASSES)
    assert not (tmp_path / "out").exists()
