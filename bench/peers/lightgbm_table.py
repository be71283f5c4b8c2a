"""LightGBM with its defaults (https://lightgbm.readthedocs.io/en/stable/Parameters.html), categories as such."""

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier

from bench.peers.protocol import Floats, Ints, Task, run
from bench.peers.sklearn_table import features_of


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    given, asked = features_of(training, validation)
    told = untuned(task).fit(given, training["label"].to_numpy()).predict_proba(asked)
    return np.argmax(told, axis=1), told


def untuned(task: Task) -> LGBMClassifier:
    """Return the library's defaults."""
    return LGBMClassifier(random_state=task.seed, n_jobs=task.threads, verbose=-1)


if __name__ == "__main__":
    run(train_and_predict, libraries=["lightgbm"])
