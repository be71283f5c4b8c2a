"""AutoGluon on tables: the default preset (https://auto.gluon.ai/stable/tutorials/tabular/tabular-quick-start.html).

`medium_quality` is what `fit` does unasked; macro-F1 is its measure here, and a fold has at most `TIME_LIMIT_S`, the
argument that its guide begins with. Its networks on torch and fastai are not installed: gradient boosting by three
libraries, random forests and their weighted ensemble are.
"""

import tempfile

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor

from bench.peers.protocol import Floats, Ints, Task, run

TIME_LIMIT_S = 60
LIBRARIES = ("autogluon.tabular", "lightgbm", "catboost", "scikit-learn")


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    return answer_by(task, training, validation, presets="medium_quality")


def answer_by(task: Task, training: pd.DataFrame, validation: pd.DataFrame, *, presets: str) -> tuple[Ints, Floats]:
    """Return classes and probabilities by one of AutoGluon's presets."""
    asked = validation.drop(columns="fold")
    with tempfile.TemporaryDirectory() as directory:
        predictor = TabularPredictor(label="label", eval_metric="f1_macro", path=directory, verbosity=0)
        predictor.fit(
            training.drop(columns="fold"),
            presets=presets,
            time_limit=task.options.get("time_limit_s", TIME_LIMIT_S),
            num_cpus=task.threads,
        )
        told = predictor.predict_proba(asked)[list(range(task.num_classes))].to_numpy(np.float64)
        return predictor.predict(asked).to_numpy(np.int64), told


if __name__ == "__main__":
    run(train_and_predict, libraries=LIBRARIES)
