"""How many bytes the weights of a classifier take, in memory and in a saved version."""

from torch import Tensor

from models.classifiers.classifier import Classifier


def held_bytes(classifier: Classifier) -> int:
    """Return the bytes of the weights in memory; beside layers in a small format stand those that may train."""
    networks = [classifier] if classifier.rounding is None else [classifier, classifier.rounding.full]
    return _count([tensor for network in networks for tensor in network.state_dict().values()])


def saved_bytes(classifier: Classifier, *, refers: bool = False) -> int:
    """Return the bytes of the weights that a version holds: all, or those of the head if it `refers` to the encoder."""
    return _count([*(classifier.head if refers else classifier).state_dict().values()])


def _count(tensors: list[Tensor]) -> int:
    return sum({tensor.data_ptr(): tensor.nbytes for tensor in tensors}.values())
