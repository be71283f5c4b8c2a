"""Plain full fine-tuning with the Hugging Face Trainer, as its guides do it: every layer, one rate, three epochs.

The rate of 5e-5, linear decay, AdamW and three epochs are the Trainer's defaults
(https://huggingface.co/docs/transformers/main_classes/trainer); texts are padded to the longest of their batch
(https://huggingface.co/docs/transformers/tasks/sequence_classification). Batches are of 32 rows instead of 8, which is
faster on a processor. Images take a rate of 1e-3, as 5e-5 leaves a network of convolutions where it was.
"""

import tempfile

import pandas as pd
from transformers import Trainer, TrainingArguments

from bench.peers.hf_rows import prepare
from bench.peers.protocol import Ints, Task, run

RATES = {"text": 5e-5, "image": 1e-3}
NUM_EPOCHS = 3
BATCH_SIZE = 32


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    prepared = prepare(task, training, validation)
    with tempfile.TemporaryDirectory() as directory:
        arguments = TrainingArguments(
            output_dir=directory,
            num_train_epochs=task.options.get("num_epochs", NUM_EPOCHS),
            learning_rate=RATES[task.kind],
            per_device_train_batch_size=BATCH_SIZE,
            per_device_eval_batch_size=BATCH_SIZE,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=task.seed,
        )
        trainer = Trainer(prepared.network, arguments, data_collator=prepared.collate, train_dataset=prepared.training)
        trainer.train()
        predicted: Ints = trainer.predict(prepared.validation).predictions.argmax(axis=1)
    return predicted


if __name__ == "__main__":
    run(train_and_predict, libraries=["transformers", "torch"])
