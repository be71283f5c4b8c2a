"""fastai on images: `vision_learner` and `fine_tune`, as its guides do it (https://docs.fast.ai/tutorial.vision.html).

One epoch of the head with all else frozen, then three of everything with rates that fall from head to stem; the base
rate of 2e-3 and the one-cycle schedule are `fine_tune`'s defaults, batches of 64 those of `ImageDataLoaders`.
"""

import io

import numpy as np
import pandas as pd
import torch
from fastai.vision.all import (
    CategoryBlock,
    ColReader,
    DataBlock,
    ImageBlock,
    Normalize,
    PILImage,
    RandomSplitter,
    Resize,
    vision_learner,
)

from bench.peers.protocol import Ints, Task, run

NUM_EPOCHS = 3


def train_and_predict(task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    torch.manual_seed(task.seed)
    block = DataBlock(
        blocks=(ImageBlock, CategoryBlock(vocab=list(range(task.num_classes)))),
        get_x=lambda row: PILImage.create(io.BytesIO(row["image"])),
        get_y=ColReader("label"),
        splitter=RandomSplitter(valid_pct=0.1, seed=task.seed),
        item_tfms=Resize(task.image_size),
        batch_tfms=Normalize.from_stats(task.mean, task.deviation),
    )
    loaders = block.dataloaders(training, num_workers=0, device=torch.device("cpu"))
    learner = vision_learner(loaders, task.architecture, pretrained=False, normalize=False)
    learner.model[0].model.load_state_dict(torch.load(task.encoder, weights_only=True))
    with learner.no_bar(), learner.no_logging():
        learner.fine_tune(task.options.get("num_epochs", NUM_EPOCHS))
        rows = validation.assign(label=0)
        probabilities, _ = learner.get_preds(dl=loaders.test_dl(rows))
    predicted: Ints = probabilities.argmax(dim=1).numpy().astype(np.int64)
    return predicted


if __name__ == "__main__":
    run(train_and_predict, libraries=["fastai", "timm", "torch"])
