"""SetFit: pairs of texts pull the sentence encoder apart by class, then logistic regression on its vectors.

Its defaults (https://huggingface.co/docs/setfit/reference/trainer): batches of 16 pairs, rate 2e-5, oversampling, one
epoch. An epoch goes over all pairs, and 800 texts have 320,000: it is meant for 8 to 64 texts a class. So what its
guide has for larger sets is used, `max_steps`: 100 steps of pairs drawn from all texts, and all of them for the head.
"""

import tempfile
import warnings

import pandas as pd
from datasets import Dataset
from setfit import SetFitModel, Trainer, TrainingArguments

from bench.peers.protocol import Ints, Task, run

MAX_STEPS = 100


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    warnings.filterwarnings("ignore")
    model = SetFitModel.from_pretrained(task.encoder)
    model.model_body.max_seq_length = task.max_tokens
    with tempfile.TemporaryDirectory() as directory:
        arguments = TrainingArguments(
            output_dir=directory,
            max_steps=task.options.get("max_steps", MAX_STEPS),
            save_strategy="no",
            report_to="none",
            show_progress_bar=False,
            seed=task.seed,
        )
        rows = Dataset.from_dict({"text": training["text"].tolist(), "label": training["label"].tolist()})
        Trainer(model=model, args=arguments, train_dataset=rows).train()
        predicted: Ints = model.predict(validation["text"].tolist(), as_numpy=True)
    return predicted


if __name__ == "__main__":
    run(train_and_predict, libraries=["setfit", "sentence-transformers", "transformers", "torch"])
