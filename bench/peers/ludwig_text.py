"""Ludwig on texts: its `auto_transformer` encoder on the same weights (https://ludwig.ai, "Text Classification").

The encoder trains with the rest (`trainable: true`), at 5e-5 for three epochs, in batches of 32; Ludwig takes the epoch
that is best on inner rows.
"""

import logging
import tempfile
import warnings

import numpy as np
import pandas as pd
from ludwig.api import LudwigModel

from bench.peers.protocol import Ints, Task, run

NUM_EPOCHS = 3


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    warnings.filterwarnings("ignore")
    text = {
        "name": "text",
        "type": "text",
        "preprocessing": {"max_sequence_length": task.max_tokens},
        "encoder": {
            "type": "auto_transformer",
            "pretrained_model_name_or_path": task.encoder,
            "trainable": True,
            "max_sequence_length": task.max_tokens,
        },
    }
    config = {
        "input_features": [text],
        "output_features": [{"name": "label", "type": "category"}],
        "trainer": {
            "epochs": task.options.get("num_epochs", NUM_EPOCHS),
            "batch_size": 32,
            "learning_rate": 5e-5,
            "optimizer": {"type": "adamw"},
        },
        "backend": {"type": "local"},
    }
    with tempfile.TemporaryDirectory() as directory:
        model = LudwigModel(config, logging_level=logging.ERROR)
        rows = training[["text", "label"]].assign(label=training["label"].astype(str))
        model.train(dataset=rows, output_directory=directory, skip_save_processed_input=True, random_seed=task.seed)
        answers, _ = model.predict(dataset=validation[["text"]], skip_save_predictions=True)
    predicted: Ints = np.asarray(answers["label_predictions"]).astype(np.int64)
    return predicted


if __name__ == "__main__":
    run(train_and_predict, libraries=["ludwig", "transformers", "torch"])
