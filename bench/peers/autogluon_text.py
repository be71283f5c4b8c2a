"""AutoGluon on texts: MultiModalPredictor with the same encoder (https://auto.gluon.ai, "AutoMM for Text").

Its defaults choose the epochs by early stopping on inner rows, at most 20, and the rates layer by layer (base 1e-4,
decay 0.9); three epochs at most here, as the other full fine-tunings have, in float32: half precision, its default, is
emulated on most processors.
"""

import tempfile
import warnings

import numpy as np
import pandas as pd
from autogluon.multimodal import MultiModalPredictor

from bench.peers.protocol import Ints, Task, run

NUM_EPOCHS = 3


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    warnings.filterwarnings("ignore")
    with tempfile.TemporaryDirectory() as directory:
        predictor = MultiModalPredictor(label="label", problem_type="binary", path=directory, verbosity=0)
        predictor.fit(
            training[["text", "label"]],
            hyperparameters={
                "model.names": ["hf_text"],
                "model.hf_text.checkpoint_name": task.encoder,
                "model.hf_text.max_text_len": task.max_tokens,
                "optim.max_epochs": task.options.get("num_epochs", NUM_EPOCHS),
                "env.num_gpus": 0,
                "env.precision": "32",
                "env.num_workers": 0,
                "env.per_gpu_batch_size": 32,
                "env.batch_size": 32,
            },
            seed=task.seed,
        )
        predicted: Ints = np.asarray(predictor.predict(validation[["text"]])).astype(np.int64)
    return predicted


if __name__ == "__main__":
    run(train_and_predict, libraries=["autogluon.multimodal", "transformers", "torch", "lightning"])
