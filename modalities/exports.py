"""A saved model in other formats than its own."""

import json
from pathlib import Path

import pandas as pd

from modalities import get_modality
from modalities.predictor import load_predictor
from models.classifiers.saving import load_classifier
from models.export.onnx_graph import TOLERANCE, export_onnx
from thawline.errors import ExportError
from thawline.system.files import write_atomically

GRAPH = "model.onnx"


def export_model(model: Path, rows: pd.DataFrame, directory: Path) -> float:
    """Write a fine-tuned model as an ONNX graph and return the largest difference of a probability on some rows.

    Args:
        model: Directory of a saved model, see `modalities.predictor`.
        rows: Prepared rows to compare on, two or more.
        directory: Gets `model.onnx`, `outputs.json` (classes, inputs, what was compared) and the files of the processor
            that makes the graph's input.

    Raises:
        ExportError: The model is no network, can't be exported, or its export differs.
    """
    if not (model / "finetuned").is_dir():
        raise ExportError(
            "this model is a baseline of scikit-learn, or a blend with one, and export.onnx is for networks; set "
            "predict.blend to false to have the best single model instead"
        )
    predictor = load_predictor(model)
    described = json.loads((model / "predictor.json").read_text(encoding="utf-8"))
    classifier, processor, _ = load_classifier(model / "finetuned")
    encoded = get_modality(predictor.params.modality).encode(processor, rows, predictor.params)
    directory.mkdir(parents=True, exist_ok=True)
    difference = export_onnx(
        classifier,
        encoded,
        directory / GRAPH,
        temperature=described.get("temperature"),
        rule=predictor.rule,
        limit=predictor.limit,
    )
    classifier.family.save(classifier.network, processor, directory)
    outputs = {
        "classes": predictor.classes,
        "limit": predictor.limit,
        "largest_difference": difference,
        "tolerance": TOLERANCE,
        "num_rows_compared": len(rows),
    }
    write_atomically(directory / "outputs.json", json.dumps(outputs, indent=1, ensure_ascii=False).encode())
    return difference
