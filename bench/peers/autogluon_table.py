"""AutoGluon on tables: the default preset (https://auto.gluon.ai/stable/tutorials/tabular/tabular-quick-start.html).

`medium_quality` is what `fit` does unasked; macro-F1 is its measure here, and a fold has at most `TIME_LIMIT_S`, the
argument that its guide begins with. Its networks on torch and fastai are not installed: gradient boosting by three
libraries, random forests and their weighted ensemble are.
"""

import tempfile

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor

from bench.peers.protocol import Ints, Task, run

TIME_LIMIT_S = 60


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    with tempfile.TemporaryDirectory() as directory:
        predictor = TabularPredictor(label="label", eval_metric="f1_macro", path=directory, verbosity=0)
        predictor.fit(
            training.drop(columns="fold"),
            time_limit=task.options.get("time_limit_s", TIME_LIMIT_S),
            num_cpus=task.threads,
        )
        predicted: Ints = predictor.predict(validation.drop(columns="fold")).to_numpy(np.int64)
    return predicted


if __name__ == "__main__":
    run(train_and_predict, libraries=["autogluon.tabular", "lightgbm", "catboost", "scikit-learn"])
