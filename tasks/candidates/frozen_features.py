"""Logistic regression on what the frozen encoder makes of the rows: a linear head that nothing had to be trained for.

Features are standardised on the rows learned from; mean and deviation then go into the head's weights, so that what
is saved is a classifier like a fine-tuned one.
"""

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from prefect import task
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from modalities import get_modality
from modalities.predictor import save_finetuned
from models.classifiers.linear_heads import attach_linear_head
from tasks.caching import step_cache
from tasks.results import CrossValidation, FinalFit, FoldResult, save_arrays
from tasks.searching.trials import pooled_vectors
from tasks.training.row_weights import row_weights, trained_on
from tasks.training.setup import inner_split, load_encoded
from tasks.training.train_set import TrainSet, load_train_set
from thawline.context import Context
from thawline.params.scopes import TRAINING
from thawline.scores.metrics import score
from thawline.scores.scorecard import score_fully
from thawline.system.memory import peak_memory_bytes
from thawline.system.solvers import solving

FROZEN = "frozen_logistic"
INVERSE_REGULARIZATION = (0.003, 0.03, 0.3)
"""Tried on the inner rows. The features outnumber the rows often enough, so they start small."""
MAX_ITERATIONS = 2000

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class LinearHead:
    """Weights (C, D) and biases (C,) on the encoder's vectors."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def probabilities(self, vectors: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return probabilities (N, C) for vectors (N, D)."""
        answer: NDArray[np.float64] = softmax(vectors @ self.weight.T + self.bias, axis=1)
        return answer


def has_frozen_features(context: Context) -> bool:
    """Return whether the kind of data has an encoder that was pretrained elsewhere, whose features say something."""
    return not get_modality(context.params.modality).fits_encoder(context.params)


def fit_linear_head(
    vectors: NDArray[np.float32],
    labels: Indices,
    parts: tuple[Indices, Indices],
    *,
    num_classes: int,
    weights: NDArray[np.float32] | None = None,
) -> LinearHead:
    """Fit logistic regression, regularised as the inner rows ask.

    Args:
        vectors: (N, D) of all training rows.
        labels: (N,) class numbers.
        parts: Rows that the strengths are tried with, and inner rows that they are tried on; the answer has both.
        num_classes: C; a class that no row has is given no chance.
        weights: (N,) what each row counts; None for the same.
    """
    fitted, inner = parts
    losses = []
    for strength in INVERSE_REGULARIZATION:
        head = _fit(vectors, labels, fitted, strength, num_classes=num_classes, weights=weights)
        losses.append(score(labels[inner], head.probabilities(vectors[inner])).loss)
    best = INVERSE_REGULARIZATION[int(np.argmin(losses))]
    rows = np.sort(np.concatenate(parts))
    return _fit(vectors, labels, rows, best, num_classes=num_classes, weights=weights)


@task(name="frozen features", **step_cache(TRAINING))
def cross_validate_frozen(context: Context) -> CrossValidation:
    """Fit on the frozen encoder's features in every fold, and score the rest."""
    data = load_train_set(context)
    return CrossValidation(name=FROZEN, folds=[_fit_fold(context, data, fold) for fold in range(data.num_folds)])


@task(name="final frozen features", **step_cache(TRAINING))
def fit_frozen(context: Context) -> FinalFit:
    """Fit on all of train and save the encoder with the head."""
    started = time.monotonic()
    data = load_train_set(context)
    rows = trained_on(context, np.arange(len(data.labels)))
    head = _learn(context, data, rows, pooled_vectors(context, 0)[0], turn=0)
    encoder, _ = load_encoded(context, None)
    classifier = attach_linear_head(encoder, head.weight, head.bias, pooling=context.params.model.pooling)
    directory = context.directory(TRAINING) / FROZEN / "model"
    params = get_modality(context.params.modality).settle(data.frame, context.params)
    save_finetuned(directory, classifier, encoder, params=params, classes=data.classes)
    return FinalFit(
        name=FROZEN,
        model=directory,
        seconds=time.monotonic() - started,
        num_fitted=len(rows),
        peak_memory_bytes=peak_memory_bytes(),
    )


def _fit_fold(context: Context, data: TrainSet, fold: int) -> FoldResult:
    started = time.monotonic()
    train, validation = data.fold_rows(fold)
    train, vectors = trained_on(context, train), pooled_vectors(context, fold)[0]
    head = _learn(context, data, train, vectors, turn=fold)
    probabilities = head.probabilities(vectors[validation])
    directory = context.directory(TRAINING) / FROZEN
    return FoldResult(
        fold=fold,
        scores=score_fully(data.labels[validation], probabilities),
        train_f1_macro=score(data.labels[train], head.probabilities(vectors[train])).f1_macro,
        seconds=time.monotonic() - started,
        predictions=save_arrays(directory / f"fold-{fold}.npz", rows=validation, probabilities=probabilities),
        num_fitted=len(train),
        peak_memory_bytes=peak_memory_bytes(),
    )


def _learn(context: Context, data: TrainSet, rows: Indices, vectors: NDArray[np.float32], *, turn: int) -> LinearHead:
    return fit_linear_head(
        vectors,
        data.labels,
        inner_split(data, rows, context.params, turn=turn),
        num_classes=len(data.classes),
        weights=row_weights(context, len(data.labels)),
    )


def _fit(
    vectors: NDArray[np.float32],
    labels: Indices,
    rows: Indices,
    strength: float,
    *,
    num_classes: int,
    weights: NDArray[np.float32] | None,
) -> LinearHead:
    scaler = StandardScaler().fit(vectors[rows])
    estimator = LogisticRegression(C=strength, max_iter=MAX_ITERATIONS)
    given = None if weights is None else weights[rows]
    with solving(FROZEN):
        estimator.fit(scaler.transform(vectors[rows]), labels[rows], sample_weight=given)
    return _fold_in(estimator, scaler, num_classes)


def _fold_in(estimator: LogisticRegression, scaler: StandardScaler, num_classes: int) -> LinearHead:
    """Return a fitted regression as a head on vectors that are not standardised; unknown classes at e to the -50."""
    coefficients, intercepts = estimator.coef_, estimator.intercept_
    if len(estimator.classes_) == 2:  # scikit-learn keeps the second class's logits alone
        coefficients, intercepts = (np.concatenate([np.zeros_like(one), one]) for one in (coefficients, intercepts))
    weight, bias = np.zeros((num_classes, coefficients.shape[1])), np.full(num_classes, -50.0)
    weight[estimator.classes_] = coefficients / scaler.scale_
    bias[estimator.classes_] = intercepts - weight[estimator.classes_] @ scaler.mean_
    return LinearHead(weight, bias)
