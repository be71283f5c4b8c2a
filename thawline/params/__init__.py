"""Typed params: what `params.yaml` may say. One section a step of the line, a DVC stage's section under its name.

- Frozen, unknown keys refused, every field with a description, a unit where it has one, and a bound.
- A file may leave out what it does not change: the defaults are the product's defaults.
- The sections are in modules beside this one (`learning.py` has most of what is turned); a param is a field there, and
  `scopes.py` says which steps it reaches. `make docs` writes the fields' texts into docs/reference.md.
- Reading, overriding and explaining wrong values is `thawline/params/file.py`.
"""

from typing import Any, Self

from pydantic import Field

from thawline.params.augment import Augment
from thawline.params.automation import Arrive, Keep, Notify, Schedule, Watch
from thawline.params.compare import Compare
from thawline.params.data import Clean, Features, Ingest, Split, Versioning
from thawline.params.learning import Baseline, FTTransformer, Model, Pretrain, Store, Train
from thawline.params.outcome import Audit, Export, Gates, Predict, Tracking
from thawline.params.runner import Runner
from thawline.params.search import Search
from thawline.params.section import Section
from thawline.params.target import Target
from thawline.params.validation import Validation


class Params(Section):
    """All of params.yaml."""

    name: str = Field(
        ...,
        min_length=1,
        max_length=100,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        description="Name of the classifier: the MLflow experiment and registered model are called so.",
    )
    modality: str = Field("text", description="Kind of data: the name of a module in modalities/.")
    seed: int = Field(0, ge=0, description="Seed of everything random in training.")
    arrive: Arrive = Field(default_factory=Arrive, description="How data comes in.")
    ingest: Ingest = Field(default_factory=Ingest, description="Files to rows (DVC stage).")
    target: Target = Field(default_factory=Target, description="What kind of answer is learned.")
    validation: Validation = Field(default_factory=Validation, description="Limits of the expectations.")
    clean: Clean = Field(default_factory=Clean, description="Rows to clean rows (DVC stage).")
    split: Split = Field(default_factory=Split, description="Clean rows to train, test and folds (DVC stage).")
    features: Features = Field(default_factory=Features, description="Cells of tables to numbers.")
    baseline: Baseline = Field(default_factory=Baseline, description="The cheap honest competitor.")
    model: Model = Field(default_factory=Model, description="Encoder and head.")
    ft_transformer: FTTransformer = Field(
        default_factory=FTTransformer, description="Encoder of tables (modality tabular)."
    )
    pretrain: Pretrain = Field(
        default_factory=Pretrain, description="Pretraining of the encoder of tables on the training rows."
    )
    train: Train = Field(default_factory=Train, description="Staged fine-tuning.")
    runner: Runner = Field(default_factory=Runner, description="Where folds are trained.")
    search: Search = Field(default_factory=Search, description="Search for hyperparameters.")
    compare: Compare = Field(default_factory=Compare, description="Fine-tuning against what costs less.")
    store: Store = Field(default_factory=Store, description="Stored activations of frozen layers.")
    augment: Augment = Field(default_factory=Augment, description="Changes to training rows.")
    predict: Predict = Field(default_factory=Predict, description="What a model makes of its outputs.")
    export: Export = Field(default_factory=Export, description="The model in other formats, beside its own.")
    audit: Audit = Field(default_factory=Audit, description="Labels that are probably wrong.")
    gates: Gates = Field(default_factory=Gates, description="What a challenger must keep.")
    versioning: Versioning = Field(default_factory=Versioning, description="Where copies of the data are kept.")
    schedule: Schedule = Field(default_factory=Schedule, description="What runs by itself, and when.")
    keep: Keep = Field(default_factory=Keep, description="What stays of what can be computed again.")
    watch: Watch = Field(default_factory=Watch, description="What is kept of answers in production.")
    notify: Notify = Field(default_factory=Notify, description="Who is told of what happens.")
    tracking: Tracking = Field(default_factory=Tracking, description="Where results are kept.")

    def with_values(self, section: str, **values: Any) -> Self:
        """Return the params with other values in one section; the values are taken as they are."""
        return self.model_copy(update={section: getattr(self, section).model_copy(update=values)})
