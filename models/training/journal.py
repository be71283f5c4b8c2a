"""What a training in phases knows of itself, written down so that it can go on after it was killed.

A checkpoint within a phase holds the trained weights, the optimizer's state, the weights that would be restored, the
average of weights, the random state, the outputs of the epoch so far, the records, and the scores and patience that
decide on stopping. Batches and learning rates are functions of seed, phase, epoch and step, so these numbers are the
sampler's and the schedule's whole state. One at the end of a phase holds weights, records and scores.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from models.classifiers.classifier import Classifier
from models.training.checkpoints import Checkpoint, Checkpoints, identify, own_tensors
from models.training.epochs import EpochUnderWay, PhaseRun
from models.training.parallel import Processes
from models.training.phases import take_back
from models.training.policies import Phase
from models.training.records import EpochRecord, TrainingData, TrainSettings
from thawline.scores.metrics import AnyScores, Scores
from thawline.scores.numbers import NumberScores


@dataclass
class PhaseState:
    """A phase under way: the best inner scores, the weights that it would end with now, and how long it has had them.

    These are the last weights not clearly worse than the best; `memory` is None where nothing will be restored.
    `gained` says that there were any besides those that the phase began with.
    """

    best: AnyScores | None
    memory: list[Tensor] | None
    waited: int = 0
    gained: bool = False
    epoch: EpochUnderWay = field(default_factory=EpochUnderWay)


class Journal:
    """The records of a training, and its checkpoints where there are any.

    Another trainer that runs a phase makes one with the fresh classifier, trains, sets `records`, and calls `note_end`:
    `train` with the same checkpoints then takes that phase for done and goes on with the next.

    Args:
        classifier: As it is before training.
        phases: All phases.
        data: Rows and what they serve for.
        settings: How to train.
        checkpoints: Where to write; None to keep records in memory alone.
    """

    def __init__(
        self,
        classifier: Classifier,
        phases: Sequence[Phase],
        data: TrainingData,
        settings: TrainSettings,
        checkpoints: Checkpoints | None,
    ) -> None:
        self.classifier = classifier
        self.phases = phases
        self.data = data
        self.settings = settings
        self._checkpoints = checkpoints
        self._processes = Processes(cpu=classifier.device.type == "cpu")
        self._identities = identify(classifier, phases, data, settings) if checkpoints else []
        self._first_trained = self._lowest_at_start = classifier.first_trained
        self._resumed: Checkpoint | None = None
        self.records: list[EpochRecord] = []
        self.best: AnyScores | None = None

    @property
    def every_steps(self) -> int | None:
        """Optimizer steps between checkpoints within an epoch; None for none there, nor with several processes.

        Within an epoch each process has a random state of its own.
        """
        return self._checkpoints.every_steps if self._checkpoints and self._processes.count == 1 else None

    def resume(self) -> int:
        """Put the classifier where the last checkpoint was; return the number of the first phase still to be run."""
        checkpoint = self._checkpoints.latest(self._identities) if self._checkpoints else None
        if checkpoint is None:
            return 0
        content, classifier = checkpoint.content, self.classifier
        self.records = [EpochRecord(**record) for record in content["records"]]
        self.best = _scores(content["best"])
        groups = self._trained_groups(checkpoint.phase)
        classifier.unfreeze(groups)
        with torch.no_grad():
            for name, tensor in own_tensors(classifier, groups).items():
                tensor.copy_(checkpoint.tensors[f"weights.{name}"])
        trainable = self.phases[checkpoint.phase].trainable
        if checkpoint.ended:
            classifier.unfreeze(trainable)
            take_back(classifier, content["first_trained"])
            return checkpoint.phase + 1
        take_back(classifier, min(content["first_trained"], *map(classifier.groups.index, trainable)))
        classifier.first_trained = content["first_trained"]
        self._resumed = checkpoint
        return checkpoint.phase

    def start_phase(self, run: PhaseRun, number: int, first_trained: int) -> PhaseState | None:
        """Return the state of a phase that was under way at the checkpoint, and put `run` there; None for other phases.

        Args:
            run: The phase's.
            number: The phase's.
            first_trained: The lowest group that had been trained before the phase.
        """
        self._first_trained = first_trained
        checkpoint, self._resumed = self._resumed, None
        if checkpoint is None or checkpoint.phase != number:
            return None
        tensors, content = checkpoint.tensors, checkpoint.content
        run.load_state({name: tensor for name, tensor in tensors.items() if name.startswith("run.")})
        device = self.classifier.device
        outputs = tensors.get("outputs")
        epoch = EpochUnderWay(
            number=checkpoint.epoch,
            step=checkpoint.step,
            outputs=[] if outputs is None else [outputs.to(device)],
            random_states={name: tensors[f"random.{name}"] for name in content["random_states"]},
            seconds=content["seconds"],
        )
        memory = [tensors[f"best.{i}"].to(device) for i in range(content["num_remembered"])]
        return PhaseState(self.best, memory or None, waited=content["waited"], gained=content["gained"], epoch=epoch)

    def note(self, run: PhaseRun, number: int, state: PhaseState) -> None:
        """Write down where a phase is."""
        if self._checkpoints is None or not self._processes.is_first:
            return
        epoch, memory = state.epoch, state.memory or []
        tensors = {**self._weights(number), **run.state()}
        tensors |= {f"best.{i}": tensor for i, tensor in enumerate(memory)}
        tensors |= {f"random.{name}": tensor for name, tensor in epoch.random_states.items()}
        if epoch.outputs:
            tensors["outputs"] = torch.cat(epoch.outputs)
        content = {
            **self._content(state.best, self._first_trained),
            "waited": state.waited,
            "gained": state.gained,
            "num_remembered": len(memory),
            "random_states": list(epoch.random_states),
            "seconds": epoch.seconds,
        }
        checkpoint = Checkpoint(number, False, epoch.number, epoch.step, content, tensors)
        self._checkpoints.save(checkpoint, self._identities[number])

    def note_end(self, number: int, best: AnyScores | None) -> None:
        """Write down that a phase has ended, with the classifier as it is.

        Args:
            number: Number of the phase; those before it have ended too.
            best: Best scores on the inner rows so far, None without inner rows.
        """
        self.best = best
        if self._checkpoints is None or not self._processes.is_first:
            return
        content = self._content(best, self.classifier.first_trained)
        checkpoint = Checkpoint(number, True, 0, 0, content, self._weights(number))
        self._checkpoints.save(checkpoint, self._identities[number])

    def _trained_groups(self, number: int) -> list[str]:
        """Return the groups whose weights may differ from those that the encoder came with."""
        trained = {name for phase in self.phases[: number + 1] for name in phase.trainable}
        lowest = self._lowest_at_start
        return [name for i, name in enumerate(self.classifier.groups) if name in trained or i >= lowest]

    def _weights(self, number: int) -> dict[str, Tensor]:
        tensors = own_tensors(self.classifier, self._trained_groups(number))
        return {f"weights.{name}": tensor for name, tensor in tensors.items()}

    def _content(self, best: AnyScores | None, first_trained: int) -> dict[str, Any]:
        return {
            "records": [dataclasses.asdict(record) for record in self.records],
            "best": best.as_dict() if best else None,
            "first_trained": first_trained,
        }


def _scores(values: dict[str, float] | None) -> AnyScores | None:
    if values is None:
        return None
    return NumberScores(**values) if "r2" in values else Scores(**values)
