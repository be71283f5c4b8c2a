"""What a training consists of."""

from pathlib import Path

import pytest
import torch

from models.encoders.loading import load_encoder
from tasks.training import setup
from tests.unit.models.conftest import CONFIGS, save_encoder
from thawline.params import Params


def test_a_classifier_is_on_its_device_from_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def choose(name: str) -> torch.device:
        asked.append(name)
        return torch.device("meta")

    monkeypatch.setattr(setup, "choose_device", choose)
    save_encoder(CONFIGS["bert"](), tmp_path / "bert")
    params = Params.model_validate({"name": "test", "train": {"device": "cpu"}})
    classifier = setup.build(load_encoder("bert", root=tmp_path), params, num_classes=2)
    assert asked == ["cpu"]
    assert {parameter.device.type for parameter in classifier.parameters()} == {"meta"}
