"""What changing a training row costs, beside the frozen encoder's look at it: `python -m bench.augmentation`.

Each change is applied to the same rows three times; the median is told, in milliseconds a row: live changes cost it in
every epoch, fixed views once. The last column is what the encoder that comes with Thawline takes for a row, forward.
"""

import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from modalities import encoder_name
from models.classifiers.classifier import build_classifier
from models.encoders.loading import load_encoder
from models.encoders.tokenizing import tokenize
from models.heads.head import HeadSpec
from models.inputs.augmentation import Change
from models.inputs.pixel_changes import PixelChange
from models.inputs.pixels import collect_pixels
from models.inputs.rows import Rows
from models.inputs.token_changes import TokenChange
from models.prediction.probabilities import predict_probabilities
from thawline.params import Params

ROOT = Path(__file__).resolve().parents[1]
NUM_ROWS, TIMES = 256, 3
CHANGES: dict[str, dict[str, Change]] = {
    "text": {"dropout and swap": TokenChange(dropout=0.1, swap=0.1, special_ids=frozenset({101, 102}))},
    "image": {
        "crop and mirror": PixelChange(min_crop=0.5, flip=0.5),
        "trivial": PixelChange(policy="trivial"),
        "rand": PixelChange(policy="rand"),
    },
}


def median_ms(work: Callable[[], object]) -> float:
    """Return the median of some runs, in milliseconds a row."""
    seconds = []
    for _ in range(TIMES):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return 1000 * statistics.median(seconds) / NUM_ROWS


def measure(modality: str) -> None:
    rng = np.random.default_rng(0)
    params = Params(name="bench", modality=modality)
    rows: Rows
    if modality == "text":
        encoder = load_encoder(encoder_name(params), root=ROOT)
        texts = [" ".join(rng.choice(["red", "tree", "house", "seldom", "went"], size=60)) for _ in range(NUM_ROWS)]
        rows = tokenize(encoder, texts, max_tokens=params.model.max_tokens)
    else:
        settings = {"image_size": params.model.image_size}
        encoder = load_encoder(encoder_name(params), root=ROOT, takes="pixels", settings=settings)
        side = encoder.processor.size
        images = (rng.integers(0, 256, (side, side, 3), dtype=np.uint8) for _ in range(NUM_ROWS))
        rows = collect_pixels(encoder.processor, images, num_rows=NUM_ROWS)
    classifier = build_classifier(encoder, num_classes=2, head=HeadSpec(), pooling="mean", seed=0)
    forward = median_ms(lambda: predict_probabilities(classifier, rows))
    everything = np.arange(NUM_ROWS)
    for name, change in CHANGES[modality].items():
        seeds = [(0, int(row)) for row in everything]
        cost = median_ms(lambda: change(rows, everything, donors=everything, seeds=seeds))  # noqa: B023 - runs at once
        print(f"| {modality} | {name} | {cost:.3f} | {forward:.2f} |")


if __name__ == "__main__":
    print(f"{NUM_ROWS} rows, {torch.get_num_threads()} threads\n")
    print("| kind of data | change | change, ms a row | forward, ms a row |\n|---|---|---|---|")
    for kind in CHANGES:
        measure(kind)
