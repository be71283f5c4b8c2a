"""What a larger image brings and costs: frozen EfficientNet-Lite0 features of the garments under cross-validation.

python -m bench.image_sizes 64 96 128
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modalities import get_modality
from models.activations.store import ActivationStore
from models.classifiers.classifier import build_classifier
from models.heads.head import HeadSpec
from thawline.params import Params

ROOT = Path(__file__).parents[1]


def main(sizes: list[int]) -> None:
    modality = get_modality("image")
    params = Params(name="garments", modality="image")
    frame, _ = modality.prepare(modality.read(ROOT / "examples/garments/garments.zip", params), params)
    labels = frame["label"].astype(object).to_numpy()
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    print(f"{len(frame)} images   side   seconds   CPU seconds   accuracy of 5 folds")
    for size in sizes:
        chosen = params.model_copy(update={"model": params.model.model_copy(update={"image_size": size})})
        encoder = modality.load_encoder(chosen, ROOT, frame)
        classifier = build_classifier(encoder, num_classes=10, head=HeadSpec(), pooling="mean", seed=0)
        with tempfile.TemporaryDirectory() as directory:
            wall, cpu = time.perf_counter(), time.process_time()
            rows = modality.encode(encoder.processor, frame, chosen)
            states = ActivationStore(Path(directory)).open(classifier, rows, classifier.pooled_boundary)
            vectors = states.batch(np.arange(len(frame)), 1).numpy()
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        model = make_pipeline(StandardScaler(), LogisticRegression(C=0.003, max_iter=1000))
        accuracy = cross_val_score(model, vectors, labels, cv=folds).mean()
        print(f"{size:18d} {wall:9.1f} {cpu:13.1f} {accuracy:21.4f}")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [64, 96, 128])
