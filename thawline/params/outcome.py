"""The sections of the params that say what becomes of a model: `predict`, `export`, `audit`, `gates` and so on."""

import math
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from thawline.params.section import Section
from thawline.system.addresses import without_password


class Predict(Section):
    """What a model makes of its outputs."""

    calibration: Literal["none", "temperature"] = Field(
        "none",
        description="Probabilities as the model gives them, or scaled by the temperature at which those of the folds' "
        "unseen rows have the lowest log loss. Which class is predicted does not change.",
    )
    decision: Literal["most_probable", "f1_macro", "cost"] = Field(
        "most_probable",
        description="Which class is answered: the most probable one; the one of the largest probability times a weight "
        "per class, the weights being those of the best macro-F1 on the folds' unseen rows (a threshold, for two "
        "classes); or the one of the least expected cost. Probabilities stay; gates judge what is answered.",
    )
    costs: dict[str, dict[str, float]] = Field(
        default_factory=dict,
        description="What errors cost under 'cost', as {true label: {label answered: cost}}; one that is not named "
        "costs 1, a right answer nothing. Expected costs are only as good as the probabilities: calibrate them, too.",
    )

    blend: bool = Field(
        False,
        description="Let the baselines and the fine-tuned model answer together, as one more candidate: their "
        "probabilities are mixed by the shares of the lowest log loss on the folds' unseen rows; who gets less than a "
        "twentieth is left out.",
    )

    min_confidence: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Give no answer where the probability of the class answered is lower (0 to 1). Scores and gates "
        "are those of all rows answered, with the share that has an answer beside. Unset: every row has one.",
    )
    max_error: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Give no answer below the confidence from which on at most this share of the answers is wrong (0 "
        "to 1): promised with a confidence of 95 %, for rows like those learned from, by the folds' unseen rows.",
    )
    coverage: float | None = Field(
        None,
        gt=0,
        lt=1,
        description="Give no answer below the confidence that this share (0 to 1) of the folds' unseen rows has: the "
        "least sure others stay without, and with them most questions that no class answers. With max_error, too, "
        "both hold.",
    )

    @field_validator("costs")
    @classmethod
    def _are_costs_of_errors(cls, value: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        for true, row in value.items():
            for answered, cost in row.items():
                if true == answered:
                    raise ValueError(f"names {true!r} answered as {answered!r}, which is right and costs nothing")
                if not (math.isfinite(cost) and cost >= 0):
                    raise ValueError(f"of {true!r} answered as {answered!r} is {cost}; give a number of 0 or more")
        return value

    @model_validator(mode="after")
    def _costs_go_with_their_decision(self) -> Self:
        if bool(self.costs) != (self.decision == "cost"):
            have = "names no costs" if not self.costs else f"has costs, which decision '{self.decision}' does not use"
            raise ValueError(f"{have}; set decision: cost and costs together, or neither")
        return self

    @model_validator(mode="after")
    def _is_given_or_promised(self) -> Self:
        others = {"max_error": self.max_error, "coverage": self.coverage}
        for name, value in others.items():
            if self.min_confidence is not None and value is not None:
                raise ValueError(
                    f"has min_confidence {self.min_confidence:g} and {name} {value:g}, which asks for a confidence of "
                    "its own; set one of them"
                )
        return self


class Export(Section):
    """The model in other formats, beside its own."""

    onnx: bool = Field(
        False,
        description="Also write a fine-tuned model as an ONNX graph (pip install 'thawline[onnx]'), and compare it on "
        "test rows by onnxruntime; if a probability differs by more than 0.0001 it is not kept, and the run says so.",
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

    min_f1_macro: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Refuse where macro-F1 on the test set is lower (0 to 1). Unset: whatever is better than guessing "
        "beyond chance may be the first champion.",
    )
    min_r2: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Refuse where R² of a number on the test set is lower (0 to 1). Unset: whatever is better than the "
        "mean beyond chance may be the first champion.",
    )
    max_mae_loss: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Largest rise of a number's mean absolute error against the champion that is beyond chance, as a "
        "share of the champion's (0 to 1).",
    )
    max_recall_loss: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Largest fall of recall against the champion that is beyond chance, overall or for a class (0 to "
        "1).",
    )
    max_precision_loss: float = Field(
        0.02,
        ge=0,
        le=1,
        description="Largest fall of precision against the champion that is beyond chance, overall or for a class "
        "(0 to 1).",
    )
    max_overfitting_gap: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Refuse where macro-F1, or R² of a number, is higher by more than this on training than on "
        "validation folds (0 to 1). "
        "Unset: a gap above 0.15 is said as an alarm and refuses nobody; held-out scores decide.",
    )
    max_slice_gap: float = Field(
        0.2,
        ge=0,
        le=1,
        description="Largest gap in test accuracy between two slices of `validation.slice_columns` (0 to 1).",
    )
    approval: Literal["none", "person"] = Field(
        "none",
        description="Who has the last word on a version that passed its gates: nobody beside them, or a person. The "
        "flow run then pauses with a form in Prefect's pages; where Prefect's server ends with the command, it waits "
        "for `thawline promote`.",
    )
    approval_hours: float = Field(
        24.0,
        gt=0,
        le=24 * 14,
        description="How long the form waits for an answer; then the version is refused (hours).",
    )
    significance: float = Field(
        0.05,
        gt=0,
        lt=1,
        description="Chance at which a gain or a loss counts as real (paired bootstrap over groups of "
        "near-duplicates); for a gain divided by n ** 1.5 for the n-th challenger that the same test rows have judged.",
    )


class Tracking(Section):
    """Where MLflow and DVC keep things. Environment variables win over these."""

    mlflow_uri: str | None = Field(
        None,
        description="MLflow: a server (http://HOST:PORT) or its database (postgresql://USER@HOST/NAME, the password "
        "from PGPASSWORD). Unset: MLFLOW_TRACKING_URI, else SQLite inside .thawline/.",
    )
    artifacts: str | None = Field(
        None,
        description="Where models, reports and figures are kept when MLflow's database is used directly: a directory "
        "or s3://BUCKET/PATH. Read when the experiment is made. Unset: .thawline/mlartifacts; a server decides itself.",
    )
    system_metrics: bool = Field(
        False,
        description="Log what a run takes of its machine (processor, memory, disk, network, GPU), each ten seconds: "
        "System metrics on the run's page.",
    )

    _is_safe_to_show = field_validator("mlflow_uri", "artifacts")(without_password)
