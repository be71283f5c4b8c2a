"""torch.compile for the encoder's trainable parts, as an option: it must prove itself on a batch, or it is left out.

Parts are compiled one by one, in place, so that a network that runs from a boundary uses them too. What is frozen never
is: its stored states would differ in their last bits. Lengths are dynamic, or each bucket would compile anew.
"""

import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn

from models.classifiers.classifier import Classifier
from models.encoders.structure import HEAD

logger = logging.getLogger(__name__)


def compile_trainable(classifier: Classifier, forward: Callable[[], Tensor]) -> list[nn.Module]:
    """Compile the trainable parts of the encoder and try them forwards and backwards; say why where that fails.

    Args:
        classifier: Its phase is applied.
        forward: Computes the logits of some rows; their gradients are dropped.

    Returns:
        The compiled parts, for `undo`; none where there is nothing to compile or it failed.
    """
    parts = trainable_parts(classifier)
    for part in parts:
        part.compile(dynamic=True)
    try:
        if parts:
            forward().sum().backward()  # type: ignore[no-untyped-call]
    except (RuntimeError, OSError, ValueError, NotImplementedError) as error:  # what torch's compilers raise
        undo(parts)
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        logger.warning("train.compile is left out, since compiling failed here: %s", reason)
        parts = []
    for parameter in classifier.parameters():
        parameter.grad = None
    return parts


def trainable_parts(classifier: Classifier) -> list[nn.Module]:
    """Return the outermost modules that belong to trainable layer groups of the encoder."""
    found: dict[str, nn.Module] = {}
    for path, module in classifier.named_modules():
        inside = path.removeprefix("network.")
        if path in ("", "network") or not path.startswith("network.") or classifier.structure.is_container(inside):
            continue
        group = classifier.groups[classifier.group_index(path)]
        within = any(path.startswith(f"{outer}.") for outer in found)
        if group in classifier.trainable and group != HEAD and not within and not isinstance(module, nn.ModuleList):
            found[path] = module
    return list(found.values())


def undo(parts: list[nn.Module]) -> None:
    """Let parts run as they were written again, and free what compiling kept."""
    for part in parts:
        part._compiled_call_impl = None  # noqa: SLF001  # torch has no other way back
    if parts:
        torch.compiler.reset()
