"""CatBoost, eight random trials of 300 trees and a threshold; the space is the one of TabRepo, but depths up to 7."""

from typing import Any

import pandas as pd
from catboost import CatBoostClassifier
from scipy.stats import loguniform, randint, uniform

from bench.peers.catboost_table import features_of
from bench.peers.protocol import Floats, Ints, Task, run
from bench.peers.tuning import answer_tuned

NUM_TRIALS = 8
SPACE = {
    "learning_rate": loguniform(0.02, 0.2),
    "iterations": [300],
    "depth": randint(4, 8),
    "l2_leaf_reg": uniform(1, 4),
}


class _Cloneable(CatBoostClassifier):
    """CatBoost that scikit-learn can copy: it finds the columns of texts as it is fitted."""

    def fit(self, given: pd.DataFrame, labels: Ints) -> Any:
        texts = [name for name in given if not pd.api.types.is_numeric_dtype(given[name])]
        return super().fit(given, labels, cat_features=texts)


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    given, asked, _ = features_of(training, validation)
    model = _Cloneable(thread_count=task.threads, random_seed=task.seed, verbose=False, allow_writing_files=False)
    rows = given, training["label"].to_numpy(), asked
    return answer_tuned(model, SPACE, task, rows, num_trials=NUM_TRIALS)


if __name__ == "__main__":
    run(train_and_predict, libraries=["catboost", "scikit-learn"])
