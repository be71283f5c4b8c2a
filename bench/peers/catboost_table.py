"""CatBoost with its defaults (https://catboost.ai/docs/en/concepts/parameter-tuning), categories as such."""

import numpy as np
import pandas as pd
from catboost import CatBoostClassifier

from bench.peers.protocol import Floats, Ints, Task, columns_of, run

MISSING = "(missing)"


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    given, asked, texts = features_of(training, validation)
    told = untuned(task, texts).fit(given, training["label"].to_numpy()).predict_proba(asked)
    return np.argmax(told, axis=1), told


def features_of(training: pd.DataFrame, validation: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Return both as CatBoost takes them, and which columns hold texts."""
    features, texts = columns_of(training, validation)
    given, asked = (
        frame[features].assign(**{name: _texts(frame[name]) for name in texts}) for frame in (training, validation)
    )
    return given, asked, texts


def untuned(task: Task, texts: list[str]) -> CatBoostClassifier:
    """Return the library's defaults."""
    return CatBoostClassifier(
        thread_count=task.threads, random_seed=task.seed, verbose=False, allow_writing_files=False, cat_features=texts
    )


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), MISSING).astype(str)


if __name__ == "__main__":
    run(train_and_predict, libraries=["catboost"])
