"""AutoGluon on tables with its preset `good_quality`: bagged and stacked, then refitted as one model each."""

import pandas as pd

from bench.peers.autogluon_table import LIBRARIES, answer_by
from bench.peers.protocol import Floats, Ints, Task, run


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> tuple[Ints, Floats]:
    return answer_by(task, training, validation, presets="good_quality")


if __name__ == "__main__":
    run(train_and_predict, libraries=LIBRARIES)
