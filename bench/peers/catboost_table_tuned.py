"""CatBoost, ten random trials of 500 trees and a threshold; the space is the one of TabRepo, its depths up to 8."""

import pandas as pd
from scipy.stats import loguniform, randint, uniform

from bench.peers.catboost_table import features_of, untuned
from bench.peers.protocol import Floats, Ints, Task, run
from bench.peers.tuning import answer_tuned

NUM_TRIALS = 10
SPACE = {
    "learning_rate": loguniform(5e-3, 0.1),
    "iterations": [500],
    "depth": randint(4, 9),
    "l2_leaf_reg": uniform(1, 4),
}


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    given, asked, texts = features_of(training, validation)
    rows = given, training["label"].to_numpy(), asked
    return answer_tuned(untuned(task, texts), SPACE, task, rows, num_trials=NUM_TRIALS)


if __name__ == "__main__":
    run(train_and_predict, libraries=["catboost", "scikit-learn"])
