"""Averages of the weights that training passes through: flatter optima, at the price of one more copy.

`ema` moves towards the weights after every step, `swa` is the mean of the weights at the ends of epochs in the second
half of a phase (Izmailov et al. 2018; before it there is no average). Scores, best weights and the result of a phase
are those of the average; training itself goes on from its own weights. Statistics of batch norms are not averaged.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.optim.swa_utils import get_ema_multi_avg_fn, get_swa_multi_avg_fn


class WeightAverage:
    """The average of some parameters over one phase.

    Args:
        name: `ema`, `swa`, or `none`.
        parameters: Those that train.
        decay: Of `ema`: the share of the average that stays at each step. Over the first steps it rises to this from
            0.1, as (1 + n) / (10 + n), so that short phases forget where they began too.
        num_epochs: Of the phase.
    """

    def __init__(self, name: str, parameters: Sequence[Tensor], *, decay: float, num_epochs: int) -> None:
        self._name = name
        self._parameters = [parameter.detach() for parameter in parameters]
        self._averages = [parameter.clone() for parameter in self._parameters] if name != "none" else []
        self._decay = decay
        self._first_epoch = num_epochs // 2
        self._num_averaged = 0

    @torch.no_grad()
    def after_step(self) -> None:
        """Take in the weights after an optimizer step."""
        if self._name == "ema":
            decay = min(self._decay, (1 + self._num_averaged) / (10 + self._num_averaged))
            update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]  # torch leaves it untyped
            update(self._averages, self._parameters, self._num_averaged)
            self._num_averaged += 1

    @torch.no_grad()
    def after_epoch(self, epoch: int) -> None:
        """Take in the weights at the end of an epoch, 0-based within the phase."""
        if self._name == "swa" and epoch >= self._first_epoch:
            if self._num_averaged:
                num_averaged = torch.tensor(self._num_averaged)
                update = get_swa_multi_avg_fn()  # type: ignore[no-untyped-call]  # torch leaves it untyped
                update(self._averages, self._parameters, num_averaged)
            else:
                torch._foreach_copy_(self._averages, self._parameters)
            self._num_averaged += 1

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Hold the average in the parameters for the time of the block, where there is one."""
        if not self._num_averaged:
            yield
            return
        own = [parameter.clone() for parameter in self._parameters]
        torch._foreach_copy_(self._parameters, self._averages)
        try:
            yield
        finally:
            torch._foreach_copy_(self._parameters, own)

    def settle(self) -> None:
        """Put the average into the parameters for good, where there is one."""
        if self._num_averaged:
            torch._foreach_copy_(self._parameters, self._averages)

    def state(self) -> dict[str, Tensor]:
        """Return the average by name, for `load_state`."""
        tensors = {str(i): tensor for i, tensor in enumerate(self._averages)}
        return {**tensors, "num_averaged": torch.tensor(self._num_averaged)} if tensors else {}

    def load_state(self, state: Mapping[str, Tensor]) -> None:
        """Take over what `state` returned."""
        for i, average in enumerate(self._averages):
            average.copy_(state[str(i)])
        self._num_averaged = int(state["num_averaged"]) if state else 0
