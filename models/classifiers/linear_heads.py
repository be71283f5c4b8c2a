"""A classifier whose linear head was fitted elsewhere, as by logistic regression on the encoder's vectors."""

import numpy as np
import torch
from numpy.typing import NDArray

from models.classifiers.classifier import Classifier, build_classifier
from models.encoders.loading import Encoder
from models.heads.head import HeadSpec


def attach_linear_head(
    encoder: Encoder, weight: NDArray[np.float64], bias: NDArray[np.float64], *, pooling: str
) -> Classifier:
    """Put a linear head with these weights (C, D) and biases (C,) on the encoder, which stays as it is."""
    head = HeadSpec(layers=0, dropout=0.0)
    classifier = build_classifier(encoder, num_classes=len(bias), head=head, pooling=pooling, seed=0)
    with torch.no_grad():
        for own in classifier.head.parameters():
            own.copy_(torch.from_numpy(weight if own.dim() == 2 else bias))
    return classifier
