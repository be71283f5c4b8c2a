"""A classifier whose linear head was solved for, as logistic regression on the encoder's vectors."""

import torch

from models.classifiers.classifier import Classifier, build_classifier
from models.encoders.loading import Encoder
from models.heads.head import HeadSpec
from models.heads.linear import LinearHead


def attach_linear_head(encoder: Encoder, head: LinearHead, *, pooling: str) -> Classifier:
    """Put a linear head on the encoder, which stays as it is."""
    spec = HeadSpec(layers=0, dropout=0.0, independent=head.independent)
    classifier = build_classifier(encoder, num_classes=len(head.bias), head=spec, pooling=pooling, seed=0)
    put_linear_head(classifier, head)
    return classifier


def put_linear_head(classifier: Classifier, head: LinearHead) -> None:
    """Give a classifier's linear head these weights."""
    with torch.no_grad():
        for own in classifier.head.parameters():
            own.copy_(torch.from_numpy(head.weight if own.dim() == 2 else head.bias))
