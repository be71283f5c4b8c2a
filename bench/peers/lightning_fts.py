"""Lightning with finetuning-scheduler: phases written down, each ended by early stopping.

Three phases, as in its guide (https://finetuning-scheduler.readthedocs.io, the RTE notebook): the head; the topmost
blocks; all the rest. Early stopping with patience 2 and min_delta 0.001 on inner rows, the best checkpoint restored
before the next phase, AdamW: from there too. Its rate of 1e-5 is for a network of 140 million parameters; this one
takes 5e-5, a head that starts at random 1e-3. An implicit schedule would have a phase for each pair of weights, some
fifty, which its guide advises against for anything but a first look. A phase ends after three epochs at the latest.
"""

import logging
import tempfile
import warnings
from typing import Any

import lightning as pl
import pandas as pd
import torch
from finetuning_scheduler import FinetuningScheduler, FTSCheckpoint, FTSEarlyStopping
from sklearn.model_selection import train_test_split
from torch import Tensor
from torch.utils.data import DataLoader

from bench.peers.hf_rows import Prepared, prepare
from bench.peers.protocol import Ints, Task, run

HEAD_RATE = 1e-3
RATES = {"text": 5e-5, "image": 5e-4}
TOP_PARTS = 2
PHASE_EPOCHS = 3
BATCH_SIZE = 32
INNER_SHARE = 0.1


class Network(pl.LightningModule):
    """What the Trainer of Lightning asks for, around the network."""

    def __init__(self, prepared: Prepared) -> None:
        super().__init__()
        self.network = prepared.network

    def training_step(self, batch: dict[str, Tensor]) -> Tensor:
        loss: Tensor = self.network(**batch)["loss"]
        return loss

    def validation_step(self, batch: dict[str, Tensor]) -> None:
        self.log("val_loss", self.network(**batch)["loss"], batch_size=len(batch["labels"]))

    def predict_step(self, batch: dict[str, Tensor]) -> Tensor:
        return self.network(**batch)["logits"].argmax(dim=1)  # type: ignore[no-any-return]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        trained = [parameter for parameter in self.parameters() if parameter.requires_grad]
        return torch.optim.AdamW(trained, lr=HEAD_RATE, weight_decay=0.01)


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    _be_quiet()
    pl.seed_everything(task.seed, verbose=False)
    fitted, inner = train_test_split(
        training, test_size=INNER_SHARE, stratify=training["label"], random_state=task.seed
    )
    prepared = prepare(task, fitted, validation)
    inner_rows = prepare(task, inner, validation.head(1)).training
    network = Network(prepared)
    loaders = {
        "train_dataloaders": _loader(prepared.training, prepared, shuffle=True),
        "val_dataloaders": _loader(inner_rows, prepared),
    }
    with tempfile.TemporaryDirectory() as directory:
        trainer = pl.Trainer(
            accelerator="cpu",
            max_epochs=3 * task.options.get("num_epochs", PHASE_EPOCHS),
            callbacks=[
                FinetuningScheduler(ft_schedule=schedule(task, network, prepared)),
                FTSEarlyStopping(monitor="val_loss", patience=2, min_delta=0.001),
                FTSCheckpoint(monitor="val_loss", save_top_k=1),
            ],
            default_root_dir=directory,
            logger=False,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(network, **loaders)
        batches: Any = trainer.predict(network, _loader(prepared.validation, prepared), ckpt_path="best")
    predicted: Ints = torch.cat(batches).numpy()
    return predicted


def schedule(task: Task, network: Network, prepared: Prepared) -> dict[int, dict[str, Any]]:
    """Return the phases: names of what each makes trainable, its rate, and the epoch at which it ends at the latest."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    parts = [[names[id(parameter)] for parameter in part] for part in prepared.parts]
    phases = [parts[-1:], parts[-1 - TOP_PARTS : -1], parts[: -1 - TOP_PARTS]]
    rates = [HEAD_RATE, RATES[task.kind], RATES[task.kind] / 2]
    return {
        number: {
            "params": [name for part in phase for name in part],
            "lr": rate,
            "max_transition_epoch": task.options.get("num_epochs", PHASE_EPOCHS) * (number + 1),
        }
        for number, (phase, rate) in enumerate(zip(phases, rates, strict=True))
    }


def _loader(rows: list[dict[str, Any]], prepared: Prepared, *, shuffle: bool = False) -> DataLoader[Any]:
    return DataLoader(rows, batch_size=BATCH_SIZE, shuffle=shuffle, collate_fn=prepared.collate)  # type: ignore[arg-type]


def _be_quiet() -> None:
    warnings.filterwarnings("ignore")
    for name in ("lightning.pytorch", "lightning.fabric", "finetuning_scheduler"):
        logging.getLogger(name).setLevel(logging.ERROR)


if __name__ == "__main__":
    run(train_and_predict, libraries=["lightning", "finetuning-scheduler", "transformers", "torch"])
