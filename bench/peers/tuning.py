"""A search as people do it: random trials by log loss on inner folds, then the threshold of the best macro-F1.

Both by scikit-learn (https://scikit-learn.org/stable/modules/grid_search.html); of more than two classes the most
probable one is the answer, as there is no threshold.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.model_selection import RandomizedSearchCV, TunedThresholdClassifierCV

from bench.peers.protocol import Floats, Ints, Task

NUM_FOLDS = 3


def answer_tuned(
    model: BaseEstimator,
    space: Mapping[str, Any],
    task: Task,
    rows: tuple[pd.DataFrame, Ints, pd.DataFrame],
    *,
    num_trials: int,
) -> tuple[Ints, Floats]:
    """Return classes and probabilities by the best of the trials.

    Args:
        model: What is tuned.
        space: Distributions by the name of a parameter.
        task: Its seed is that of trials and folds.
        rows: Training columns and their labels, and the columns to answer.
        num_trials: How many draws of the space are tried.
    """
    given, labels, asked = rows
    search = RandomizedSearchCV(
        model, dict(space), n_iter=num_trials, scoring="neg_log_loss", cv=NUM_FOLDS, random_state=task.seed
    )
    best = search.fit(given, labels).best_estimator_
    told = best.predict_proba(asked)
    if task.num_classes > 2:
        return np.argmax(told, axis=1), told
    tuned = TunedThresholdClassifierCV(best, scoring="f1_macro", cv=NUM_FOLDS, random_state=task.seed)
    return tuned.fit(given, labels).predict(asked), told
