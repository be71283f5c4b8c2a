"""A classifier as an ONNX graph that other runtimes load: a network's input in, probabilities and answers out.

The graph holds network, head, temperature, rule of answers and the limit below which there is none; what makes a
network's input of texts, images and cells is written beside it. What onnxruntime
makes of sample rows is compared with what torch makes of them.
"""

import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.classifiers.classifier import Classifier
from models.classifiers.placement import place
from models.encoders.precision.small_layers import list_small
from models.inputs.rows import Rows
from thawline.errors import ExportError

TOLERANCE = 1e-4
"""Largest difference of a probability that counts as none (0 to 1)."""
ROWS_AT_ONCE = 32
MAX_INLINE_BYTES = 1_500_000_000
"""Larger weights lie in a file of their own beside the graph: a graph of 2 GB or more can't be written."""
OUTPUTS = ("probabilities", "answer")
NEEDED = ("onnx", "onnxscript", "onnxruntime")


class Outputs(nn.Module):
    """A classifier with what follows its logits, its inputs by position."""

    def __init__(
        self, classifier: Classifier, names: list[str], *, temperature: float, rule: NDArray[np.float64], limit: float
    ) -> None:
        super().__init__()
        self.classifier = classifier
        self.names = names
        self.temperature = temperature
        self.limit = limit
        self.register_buffer("rule", torch.tensor(rule, dtype=torch.float32))

    def forward(self, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        """Return probabilities (B, C) and the numbers of the classes that are answered (B,), -1 for no answer."""
        logits = self.classifier(dict(zip(self.names, tensors, strict=True)))
        probabilities = (logits / self.temperature).softmax(dim=1)
        answers = (probabilities @ self.rule).argmax(dim=1)
        is_sure = probabilities.gather(1, answers[:, None])[:, 0] >= self.limit
        return probabilities, torch.where(is_sure, answers, -1)


def export_onnx(
    classifier: Classifier,
    rows: Rows,
    path: Path,
    *,
    temperature: float | None = None,
    rule: NDArray[np.float64] | None = None,
    limit: float | None = None,
) -> float:
    """Write the graph to `path` and return the largest difference of a probability between onnxruntime and torch.

    Args:
        classifier: Goes to the CPU and into eval mode.
        rows: Rows to compare on, two or more.
        path: The file, in a directory that is there; removed again if the export fails.
        temperature: What logits are divided by; None for nothing.
        rule: The rule of answers (C, C), see `thawline.scores.answers`; None for the most probable class.
        limit: The probability that the class answered must have, else the answer is -1; None for an answer always.

    Raises:
        ExportError: A library is missing, the network can't be exported, or the difference is above TOLERANCE.
    """
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        raise ExportError(f"export.onnx needs {', '.join(missing)}; pip install 'thawline[onnx]', or set it to false")
    if list_small(classifier.network):
        raise ExportError(
            "the model's frozen layers are in a small format, and ONNX gets float32; set export.onnx to false, or "
            "model.frozen_dtype to float32"
        )
    if classifier.num_streamed:
        raise ExportError(
            "the encoder is read from its files block by block, as memory does not hold it, and a graph needs all of "
            "it; set export.onnx to false, or model.stream to 'never' where there is more memory"
        )
    classifier = place(classifier, torch.device("cpu")).eval()
    batch = rows.batch(np.argsort(rows.lengths, kind="stable")[[0, -1]])
    matrix = np.eye(classifier.num_classes) if rule is None else rule
    outputs = Outputs(classifier, list(batch), temperature=temperature or 1.0, rule=matrix, limit=limit or 0.0).eval()
    try:
        _write(outputs, batch, classifier.family.varying, path)
        difference = _largest_difference(outputs, rows, path)
    except ExportError:
        path.unlink(missing_ok=True)
        raise
    if not difference <= TOLERANCE:
        path.unlink()
        raise ExportError(
            f"onnxruntime's probabilities differ by {difference:.2g} from those of torch, at most {TOLERANCE:g} is "
            "allowed; the file was not kept: set export.onnx to false, or choose another model.encoder"
        )
    return difference


def _write(outputs: Outputs, batch: Mapping[str, Tensor], varying: tuple[int, ...], path: Path) -> None:
    axes = dict.fromkeys(varying, torch.export.Dim.DYNAMIC)
    size_bytes = sum(tensor.nbytes for tensor in outputs.state_dict().values())
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # the exporter's own, on its way through other people's code
        try:
            torch.onnx.export(
                outputs,
                tuple(batch.values()),
                path,
                input_names=list(batch),
                output_names=list(OUTPUTS),
                dynamic_shapes=(tuple({a: d for a, d in axes.items() if a < each.ndim} for each in batch.values()),),
                external_data=size_bytes > MAX_INLINE_BYTES,
                dynamo=True,
                verbose=False,
            )
        except (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError) as error:
            raise ExportError(_told(outputs, error)) from error


def _largest_difference(outputs: Outputs, rows: Rows, path: Path) -> float:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as faults

    refusals = (
        faults.Fail,
        faults.InvalidArgument,
        faults.InvalidGraph,
        faults.NotImplemented,
        faults.RuntimeException,
    )
    parts = [np.arange(start, min(start + ROWS_AT_ONCE, len(rows))) for start in range(0, len(rows), ROWS_AT_ONCE)]
    differences = []
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        taken = {each.name for each in session.get_inputs()}
        for part in parts:
            batch = rows.batch(part)
            with torch.inference_mode():
                expected = outputs(*batch.values())[0].numpy()
            given = {name: tensor.numpy() for name, tensor in batch.items() if name in taken}
            found: Any = session.run([OUTPUTS[0]], given)[0]
            differences.append(float(np.abs(found - expected).max()))
    except refusals as error:
        raise ExportError(_told(outputs, error)) from error
    return max(differences)


def _told(outputs: Outputs, error: Exception) -> str:
    cause = error.__cause__ or error
    reason = next((line for line in str(cause).splitlines() if line.strip()), type(cause).__name__)[:300]
    network = type(outputs.classifier.network).__name__
    return f"{network} can't be exported to ONNX: {reason}; set export.onnx to false, or choose another model.encoder"
