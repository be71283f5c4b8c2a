"""LightGBM, 15 random trials and a threshold; the space is the one of TabRepo (Salinas and Erickson, AutoML 2024)."""

import pandas as pd
from scipy.stats import loguniform, randint, uniform

from bench.peers.lightgbm_table import untuned
from bench.peers.protocol import Floats, Ints, Task, run
from bench.peers.sklearn_table import features_of
from bench.peers.tuning import answer_tuned

NUM_TRIALS = 15
SPACE = {
    "learning_rate": loguniform(5e-3, 0.1),
    "n_estimators": randint(50, 500),
    "colsample_bytree": uniform(0.4, 0.6),
    "min_child_samples": randint(2, 61),
    "num_leaves": randint(16, 256),
    "extra_trees": [False, True],
}


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    given, asked = features_of(training, validation)
    rows = given, training["label"].to_numpy(), asked
    return answer_tuned(untuned(task), SPACE, task, rows, num_trials=NUM_TRIALS)


if __name__ == "__main__":
    run(train_and_predict, libraries=["lightgbm", "scikit-learn"])
