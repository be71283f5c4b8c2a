"""The sections of the params that say what becomes of a model: `predict`, `audit`, `gates`, `tracking`."""

from typing import Literal

from pydantic import Field

from thawline.section import Section


class Predict(Section):
    """What a model makes of its outputs."""

    calibration: Literal["none", "temperature"] = Field(
        "none",
        description="Probabilities as the model gives them, or scaled by the temperature at which those of the folds' "
        "unseen rows have the lowest log loss. Which class is predicted does not change.",
    )


class Audit(Section):
    """Labels that are probably wrong, told by the models that did not see them."""

    policy: Literal["report", "drop", "down_weight"] = Field(
        "report",
        description="Training rows whose label is probably wrong: report them only, train without them, or let them "
        "count less. In the latter two the folds run twice, and the run says what it brought.",
    )
    weight: float = Field(
        0.2, gt=0, lt=1, description="What such a row counts under 'down_weight', where the others count 1 (0 to 1)."
    )


class Gates(Section):
    """Limits that a challenger must keep to become champion."""

    min_f1_macro: float = Field(0.5, ge=0, le=1, description="Lowest macro-F1 on the test set (0 to 1).")
    max_recall_loss: float = Field(
        0.02, ge=0, le=1, description="Largest fall of recall against the champion, overall or for a class (0 to 1)."
    )
    max_precision_loss: float = Field(
        0.02, ge=0, le=1, description="Largest fall of precision against the champion, overall or for a class (0 to 1)."
    )
    max_overfitting_gap: float = Field(
        0.15, ge=0, le=1, description="Largest gap between macro-F1 on training and on validation folds (0 to 1)."
    )
    max_slice_gap: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Largest gap in test accuracy between two slices of `validation.slice_columns` (0 to 1).",
    )
    significance: float = Field(
        0.05, gt=0, lt=1, description="Chance at which a gain over the champion counts as real (paired bootstrap)."
    )


class Tracking(Section):
    """Where MLflow and DVC keep things. Environment variables win over these."""

    mlflow_uri: str | None = Field(
        None, description="MLflow tracking server. Unset: MLFLOW_TRACKING_URI, else SQLite inside .thawline/."
    )
