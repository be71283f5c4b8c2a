"""CatBoost with its defaults (https://catboost.ai/docs/en/concepts/parameter-tuning), categories as such."""

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier

from bench.peers.protocol import Ints, Task, columns_of, run

MISSING = "(missing)"


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    features, texts = columns_of(training, validation)
    given, asked = (
        frame[features].assign(**{name: _texts(frame[name]) for name in texts}) for frame in (training, validation)
    )
    model = CatBoostClassifier(
        thread_count=task.threads, random_seed=task.seed, verbose=False, allow_writing_files=False, cat_features=texts
    )
    model.fit(given, training["label"].to_numpy())
    return np.asarray(model.predict(asked)).reshape(-1).astype(np.int64)


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), MISSING).astype(str)


if __name__ == "__main__":
    run(train_and_predict, libraries=["catboost"])
