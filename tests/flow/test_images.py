"""A stranger's folder of images, from the first run to a second one that meets a champion, and to answers."""

from pathlib import Path

import numpy as np
from line import change_params, run_thawline
from PIL import Image
from sklearn.datasets import load_digits

CLASSES = {"null": 0, "eins": 1}
QUICK = {
    "split": {"num_folds": 2},
    "model": {"image_size": 32},
    "train": {"policy": "gradual", "num_epochs": 1, "head_epochs": 5, "max_unfrozen_groups": 1, "groups_per_phase": 1},
    "predict": {"blend": True},
    "gates": {"min_f1_macro": 0.2, "max_overfitting_gap": 1.0},
}


def draw(folder: Path, rows: slice) -> None:
    """Write some of scikit-learn's digits, a folder for each class."""
    images, targets = load_digits(return_X_y=True)
    for name, digit in CLASSES.items():
        (folder / name).mkdir(parents=True)
        for number, image in enumerate(images[targets == digit][rows]):
            pixels = np.clip(image.reshape(8, 8) * 16, 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{digit}-{number}.png")


def test_images_run_to_a_champion_which_the_next_run_scores_on_the_same_rows(tmp_path: Path) -> None:
    draw(tmp_path / "ziffern", slice(0, 40))
    directory = tmp_path / "klassen"
    made = run_thawline("init", str(directory), "--modality", "image", "--data", "ziffern", cwd=tmp_path)
    assert made.code == 0, made.told
    change_params(directory, QUICK)
    first = run_thawline("run", cwd=directory)
    assert first.code == 0, first.told
    assert first.json["promoted"], first.told
    draw(tmp_path / "mehr", slice(40, 60))
    arrived = run_thawline("arrive", "../mehr", cwd=directory)
    assert arrived.code == 0, arrived.told
    second = run_thawline("run", cwd=directory)
    assert second.code == 0, second.told
    assert second.json["comparison"], "the champion was scored on the test rows"
    predicted = run_thawline("predict", "../ziffern", cwd=directory)
    assert predicted.code == 0, predicted.told
    answers = [(Path(row["path"]).parent.name, row["predicted_label"]) for row in predicted.json["predictions"]]
    assert len(answers) == 80
    assert np.mean([label == answer for label, answer in answers]) > 0.9
