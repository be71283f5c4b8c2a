"""A GPU where there is none: its tensors carry a label, compute on the CPU, and must not meet those without it.

What runs in `pretended(...)` finds a device of that name. Every kernel is still the CPU's, so results can be compared
with those of the CPU to the bit; what a real device refuses is refused:

- an operation on tensors of two devices (single numbers and indices may come from the CPU, as torch has it);
- `numpy()` of what is not on the CPU;
- float64 on MPS.

A label belongs to a storage, so views share it. Kernels are watched where torch dispatches them, backward passes and
optimizers too; factories and `Tensor.device` where Python calls them. It holds in the thread that has entered it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

CPU = torch.device("cpu")
NAME = "Pretended GPU"
MAY_MEET = {  # operations, and the places of the arguments that may be on the CPU
    "aten::copy_": (1,),
    "aten::index": (1,),
    "aten::index_put_": (1,),
    "aten::index_put": (1,),
    "aten::_index_put_impl_": (1,),
    "aten::_unsafe_index": (1,),
    "aten::_foreach_copy_": (1,),
}
NO_NUMBERS = {"aten::stack", "aten::cat"}
"""Operations that take not even single numbers of the CPU."""


class TwoDevicesError(RuntimeError):
    """Tensors of two devices met."""


def label_of(tensor: Tensor) -> torch.device:
    """Return the device that a tensor says it is on."""
    if tensor.is_meta or tensor.is_sparse:
        return _REAL_DEVICE.__get__(tensor)
    return getattr(tensor.untyped_storage(), "pretended", CPU)


def put_label(value: Any, device: torch.device) -> Any:
    for tensor in _tensors(value):
        if not (tensor.is_meta or tensor.is_sparse):
            tensor.untyped_storage().pretended = device
    return value


def _tensors(value: Any) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    if isinstance(value, list | tuple | dict):
        return [tensor for part in (value.values() if isinstance(value, dict) else value) for tensor in _tensors(part)]
    return []


def _foreign(tensors: list[Tensor]) -> list[torch.device]:
    return [label for tensor in tensors if (label := label_of(tensor)) not in (CPU, torch.device("meta"))]


class Kernels(TorchDispatchMode):
    """Refuses operations on two devices, and labels what comes out of those on one."""

    def __init__(self, calls: "Calls") -> None:
        super().__init__()
        self._calls = calls

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        given = _tensors((args, kwargs))
        foreign = _foreign(given)
        if foreign:
            self._check(func._schema.name, args, kwargs, foreign[0])
        known = {tensor.untyped_storage()._cdata for tensor in given if not tensor.is_sparse}
        result = func(*args, **(kwargs or {}))
        home = foreign[0] if foreign else self._calls.home if not given else None
        if home is not None:
            fresh = [each for each in _tensors(result) if each.untyped_storage()._cdata not in known]
            put_label(fresh, home)
            if home.type == "mps" and any(each.dtype == torch.float64 for each in fresh):
                raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support it")
        return result

    def _check(self, name: str, args: tuple[Any, ...], kwargs: Any, home: torch.device) -> None:
        spared = MAY_MEET.get(name, ())
        others = [value for place, value in enumerate(args) if place not in spared]
        for tensor in _tensors((others, kwargs)):
            if label_of(tensor) != home and (tensor.dim() or name in NO_NUMBERS):
                raise TwoDevicesError(
                    f"{name}: Expected all tensors to be on the same device, but found at least two devices, {home} "
                    f"and {label_of(tensor)}!"
                )
        if spared and (not isinstance(args[0], Tensor) or label_of(args[0]) == CPU) and "copy" not in name:
            raise TwoDevicesError(
                f"{name}: indices should be on the same device as the indexed tensor (cpu), not {home}"
            )


class Calls(TorchFunctionMode):
    """Labels what Python asks a factory for; `home` is the device of the call under way, for factories inside it."""

    def __init__(self) -> None:
        super().__init__()
        self.home: torch.device | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        if getattr(func, "__name__", "") == "_parse_to":  # only reads what `to` is asked for
            return func(*args, **kwargs)
        asked = _normalised(kwargs["device"]) if kwargs.get("device") is not None else None
        before, foreign = self.home, _foreign(_tensors((args, kwargs)))
        self.home = foreign[0] if foreign else None
        if asked is not None and asked.type in _INDEX:
            kwargs["device"], self.home = CPU, asked
        try:
            result = func(*args, **kwargs)
        finally:
            self.home = before
        return put_label(result, asked) if asked is not None and asked.type in _INDEX else result


_INDEX: dict[str, int] = {}
"""The pretended kinds of devices, and which of each is the current one."""
_REAL_DEVICE = torch._C.TensorBase.device
_REAL_TO, _REAL_NUMPY = torch.Tensor.to, torch.Tensor.numpy


def _normalised(device: Any) -> torch.device:
    found = torch.device(device) if isinstance(device, str) else device
    if isinstance(found, int):
        found = torch.device("cuda", found)
    return torch.device(found.type, _INDEX[found.type]) if found.type in _INDEX and found.index is None else found


def _to(self: Tensor, *args: Any, copy: bool = False, **kwargs: Any) -> Tensor:
    if "other" in kwargs or any(isinstance(each, Tensor) for each in args):
        like = kwargs["other"] if "other" in kwargs else args[0]
        return _to(self, like.device, like.dtype, copy=copy)
    dtype = next((each for each in args if isinstance(each, torch.dtype)), kwargs.get("dtype")) or self.dtype
    device = next((each for each in args if isinstance(each, torch.device | str)), kwargs.get("device"))
    target, own = self.device if device is None else _normalised(device), self.device
    if "meta" in (target.type, own.type):
        return _REAL_TO(self, *args, copy=copy, **kwargs)
    more = {key: value for key, value in kwargs.items() if key == "memory_format" and value is not None}
    result = _REAL_TO(self, dtype=dtype, copy=copy or target != own, **more)
    return put_label(result, target) if target != own else result


def _numpy(self: Tensor, *args: Any, **kwargs: Any) -> Any:
    if label_of(self) != CPU:
        raise TypeError(f"can't convert {label_of(self)} device type tensor to numpy. Use Tensor.cpu() first.")
    return _REAL_NUMPY(self, *args, **kwargs)


class _Generator(torch.Generator):
    """A generator on a device that is pretended: the CPU's."""

    def __new__(cls, device: Any = "cpu") -> Any:
        return super().__new__(cls, "cpu")


@dataclass
class Pretended:
    """What the code has done to the device: `current` are the indices made current, `emptied` counts freed caches."""

    kind: str
    current: list[int]
    emptied: int = 0


@contextmanager
def pretended(kind: str, *, count: int = 1, bfloat16: bool = False, emulates: bool = False) -> Iterator[Pretended]:
    """Let this machine have `count` devices of a kind, 'cuda' or 'mps', for the time of the block.

    Args:
        kind: What torch calls it.
        count: How many.
        bfloat16: Whether its precision is bfloat16, which the CPU then computes in autocast's regions.
        emulates: Whether it says that it has bfloat16, though only by emulation.
    """
    state = Pretended(kind, [])
    calls = Calls()
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(_INDEX, kind, 0)
        patch.setattr(torch.Tensor, "device", property(label_of))
        for other in ("cuda", "mps"):
            patch.setattr(torch.Tensor, f"is_{other}", property(lambda self, other=other: label_of(self).type == other))
        patch.setattr(torch.Tensor, "is_cpu", property(lambda self: label_of(self) == CPU))
        patch.setattr(torch.Tensor, "to", _to)
        patch.setattr(torch.Tensor, "cpu", lambda self, **_: _to(self, CPU))
        patch.setattr(torch.Tensor, "cuda", lambda self, device="cuda", **_: _to(self, device))
        patch.setattr(torch.Tensor, "numpy", _numpy)
        _patch_module(patch, kind, count, state)
        supports = lambda including_emulation=True: bfloat16 or (emulates and including_emulation)  # noqa: E731
        patch.setattr(getattr(torch, kind), "is_bf16_supported", supports, raising=False)
        with calls, Kernels(calls):
            yield state


def _patch_module(patch: pytest.MonkeyPatch, kind: str, count: int, state: Pretended) -> None:
    """Let the device's module say that it is there."""
    module, real_autocast = getattr(torch, kind), torch.autocast
    generator_state = torch.zeros(8, dtype=torch.uint8)

    def make_current(index: Any) -> None:
        _INDEX[kind] = index if isinstance(index, int) else _normalised(index).index
        state.current.append(_INDEX[kind])

    def empty() -> None:
        state.emptied += 1

    def autocast(device_type: str, dtype: Any = None, enabled: bool = True, **more: Any) -> Any:
        return real_autocast("cpu" if device_type == kind else device_type, dtype, enabled, **more)

    answers: dict[str, Callable[..., Any]] = {
        "is_available": lambda: True,
        "device_count": lambda: count,
        "current_device": lambda: _INDEX[kind],
        "set_device": make_current,
        "get_device_name": lambda device=None: NAME,
        "mem_get_info": lambda device=None: (1 << 30, 1 << 30),
        "memory_reserved": lambda device=None: 0,
        "memory_allocated": lambda device=None: 0,
        "max_memory_allocated": lambda device=None: 0,
        "reset_peak_memory_stats": lambda device=None: None,
        "get_rng_state": lambda device=None: generator_state.clone(),
        "set_rng_state": lambda state, device=None: None,
        "manual_seed": lambda seed: None,
        "manual_seed_all": lambda seed: None,
        "empty_cache": empty,
        "synchronize": lambda device=None: None,
    }
    for name, answer in answers.items():
        if hasattr(module, name):
            patch.setattr(module, name, answer)
    if kind == "mps":
        patch.setattr(torch.backends.mps, "is_available", lambda: True)
    patch.setattr(torch.optim.Optimizer, "_accelerator_graph_capture_health_check", lambda self: None)
    patch.setattr(torch, "autocast", autocast)
    is_enabled = torch.is_autocast_enabled
    patch.setattr(torch, "is_autocast_enabled", lambda name: is_enabled("cpu" if name == kind else name))
    patch.setattr(torch, "Generator", _Generator)
