"""Gradient boosting in scikit-learn, and the threshold of the best macro-F1 (two classes; of more, the most probable).

`TunedThresholdClassifierCV` chooses it on five folds of the training rows
(https://scikit-learn.org/stable/modules/classification_threshold.html).
"""

import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import TunedThresholdClassifierCV

from bench.peers.protocol import Floats, Ints, Task, run
from bench.peers.sklearn_table import features_of


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    given, asked = features_of(training, validation)
    model = HistGradientBoostingClassifier(random_state=task.seed, categorical_features="from_dtype")
    if task.num_classes == 2:
        model = TunedThresholdClassifierCV(model, scoring="f1_macro", random_state=task.seed)
    model.fit(given, training["label"].to_numpy())
    return model.predict(asked), model.predict_proba(asked)


if __name__ == "__main__":
    run(train_and_predict, libraries=["scikit-learn"])
