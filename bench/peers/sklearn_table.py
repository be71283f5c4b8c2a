"""Gradient boosting in scikit-learn, with its defaults (https://scikit-learn.org/stable/modules/ensemble.html).

Categories are handed over as such (`categorical_features="from_dtype"`), missing values as they are.
"""

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier

from bench.peers.protocol import Floats, Ints, Task, columns_of, run


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    given, asked = features_of(training, validation)
    model = HistGradientBoostingClassifier(random_state=task.seed)
    told = model.fit(given, training["label"].to_numpy()).predict_proba(asked)
    return np.argmax(told, axis=1), told


def features_of(training: pd.DataFrame, validation: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both with their columns of texts as categories, those of the training rows."""
    features, texts = columns_of(training, validation)
    kinds = {name: pd.CategoricalDtype(sorted(training[name].dropna().unique())[:255]) for name in texts}
    return training[features].astype(kinds), validation[features].astype(kinds)


if __name__ == "__main__":
    run(train_and_predict, libraries=["scikit-learn"])
