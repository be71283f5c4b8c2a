"""An exported graph gives the classifier's probabilities for any number of rows, or nothing is left behind."""

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from models.classifiers.classifier import Classifier
from models.encoders.loading import Encoder
from models.encoders.tokenizing import tokenize
from models.export import onnx_graph
from models.export.onnx_graph import TOLERANCE, export_onnx
from models.inputs.rows import Rows
from models.training.loop import predict_probabilities
from tests.unit.models.conftest import make_classifier, make_texts
from tests.unit.models.image_networks import load_network, make_rows
from tests.unit.models.tables.test_tables import features, fit
from thawline.errors import ExportError
from thawline.scores.abstention import confidence_of
from thawline.scores.answers import answer
from thawline.scores.calibration import apply_temperature


def build(name: str, encoders: dict[str, Encoder], tmp_path: Path) -> tuple[Classifier, Rows]:
    if name in encoders:
        classifier = make_classifier(encoders[name], pooling="all_layers")
        return classifier, tokenize(encoders[name], make_texts(40)[0], max_tokens=24)
    if name == "table":
        encoder = fit(features(), tmp_path)
        return make_classifier(encoder), encoder.processor.rows(features(40, seed=1))
    encoder = load_network(name, tmp_path)
    return make_classifier(encoder, pooling="grid"), make_rows(encoder, 40)


NAMES = ("bert", "test_efficientnet", "table")


@pytest.mark.parametrize("name", NAMES)
def test_onnxruntime_agrees_on_rows_of_all_lengths_and_on_one_alone(
    name: str, encoders: dict[str, Encoder], tmp_path: Path
) -> None:
    classifier, rows = build(name, encoders, tmp_path)
    rule = np.diag([1.0, 1.3])
    expected = apply_temperature(predict_probabilities(classifier, rows), 1.7)
    decided = answer(expected, rule)
    sureness = confidence_of(expected, decided)
    limit = float(np.sort(sureness[:7])[2:4].mean())  # far from any of them, as float32 rounds
    difference = export_onnx(classifier, rows, tmp_path / "model.onnx", temperature=1.7, rule=rule, limit=limit)
    assert 0 <= difference <= TOLERANCE
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    taken = {each.name for each in session.get_inputs()}
    for indices in (np.array([3]), np.arange(7)):
        batch = {key: tensor.numpy() for key, tensor in rows.batch(indices).items() if key in taken}
        probabilities, answers = session.run(None, batch)
        assert probabilities == pytest.approx(expected[indices], abs=TOLERANCE)
        assert answers.tolist() == np.where(sureness < limit, -1, decided)[indices].tolist()


def test_a_difference_above_the_tolerance_fails_with_the_value_and_leaves_no_file(
    encoders: dict[str, Encoder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, rows = build("bert", encoders, tmp_path)
    monkeypatch.setattr(onnx_graph, "_write", lambda *args: args[-1].write_bytes(b"a graph"))
    monkeypatch.setattr(onnx_graph, "_largest_difference", lambda *_: 0.0123)
    with pytest.raises(ExportError, match=r"differ by 0\.012 .* at most 0\.0001"):
        export_onnx(classifier, rows, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_without_the_libraries_it_says_what_to_install(
    encoders: dict[str, Encoder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier, rows = build("bert", encoders, tmp_path)
    monkeypatch.setattr(onnx_graph, "NEEDED", ("onnx", "no_such_library"))
    with pytest.raises(ExportError, match=r"needs no_such_library; pip install 'thawline\[onnx\]'"):
        export_onnx(classifier, rows, tmp_path / "model.onnx")
