"""The sections of the params that say what learns, and how."""

from typing import Literal, Self

from pydantic import Field, model_validator

from thawline.params.adapters import Adapters
from thawline.params.section import Section


class Baseline(Section):
    """The cheap honest competitor: TF-IDF and logistic regression for text, gradient boosting for tables."""

    max_features: int = Field(50_000, ge=10, description="Most TF-IDF features kept (terms).")
    max_ngram: int = Field(2, ge=1, le=5, description="Longest word n-gram (words).")
    inverse_regularization: float = Field(
        10.0, gt=0, description="C of the logistic regression; larger means less regularisation."
    )
    num_trees: int = Field(
        1000, ge=1, le=10_000, description="Most trees of each member of gradient boosting, for each class."
    )


class FTTransformer(Section):
    """The encoder of tables: a transformer over the cells of a row."""

    width: int = Field(64, ge=8, le=1024, description="Numbers in a cell's vector; a multiple of num_heads.")
    num_blocks: int = Field(2, ge=1, le=12, description="Transformer blocks: the layer groups that unfreeze.")
    num_heads: int = Field(8, ge=1, le=64, description="Attention heads.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout inside the blocks (0 to 1).")
    number_embedding: Literal["piecewise_linear", "periodic"] = Field(
        "piecewise_linear", description="How a number becomes a vector: by pieces between its quantiles, or by waves."
    )
    num_pieces: int = Field(32, ge=2, le=256, description="Most pieces of 'piecewise_linear' (pieces).")

    @model_validator(mode="after")
    def _width_fits_heads(self) -> Self:
        if self.width % self.num_heads:
            raise ValueError(
                f"width ({self.width}) is not a multiple of num_heads ({self.num_heads}); change one of them"
            )
        return self


class Pretrain(Section):
    """Self-supervised pretraining of the encoder of tables, on training rows without their labels."""

    num_epochs: int = Field(5, ge=0, le=1000, description="Passes over the rows; 0 leaves random weights.")
    corrupted_share: float = Field(
        0.3, gt=0, lt=1, description="Share of a row's cells that are replaced by those of other rows (0 to 1)."
    )
    learning_rate: float = Field(1e-3, gt=0, le=1, description="Learning rate of AdamW.")
    batch_size: int = Field(256, ge=2, le=8192, description="Rows in a batch; each is told from the others.")
    max_rows: int = Field(100_000, ge=2, description="Of more rows, a sample of this size is pretrained on (rows).")


class Model(Section):
    """Encoder and head."""

    encoder: str = Field(
        "auto",
        min_length=1,
        description="Pretrained encoder: a short name that `thawline encoders` lists, 'package:NAME/PATH' inside an "
        "installed Python package, a directory, a Hugging Face hub id, or 'ARCHITECTURE@FILE' for a bare file of "
        "weights that timm knows; for tables 'ft_transformer', which is pretrained on the training rows. 'auto' takes "
        "the one that comes with Thawline for the kind of data.",
    )
    frozen_dtype: Literal["float32", "bfloat16", "int8"] = Field(
        "float32",
        description="Number format of the encoder's linear layers and vocabulary where they stay frozen; layers that "
        "train, and those above them, are float32. 'int8' is for CPUs; both make saved models smaller, and are fast "
        "where the processor computes in them. `thawline compare --frozen-dtype` says what they do to scores and time.",
    )
    max_tokens: int = Field(64, ge=4, le=8192, description="Texts are cut to this length (tokens).")
    image_size: int | None = Field(
        96,
        ge=16,
        le=2048,
        description="Images are brought to a square of this side (pixels). Unset: the size that the encoder was "
        "trained with.",
    )
    image_fit: Literal["crop", "squeeze"] = Field(
        "crop",
        description="How an image that is no square becomes one: 'crop' keeps its shapes, as encoders have learned "
        "them, and takes the middle of its longer side; 'squeeze' shows all of it, pressed together, for classes that "
        "show at the ends of long images.",
    )
    pooling: Literal["mean", "cls", "max", "last_token", "own", "all_layers", "grid"] = Field(
        "mean",
        description="How states become the one vector that the head sees: their mean or maximum, that of the first "
        "token (the class token) or of the last, the only one that has seen the whole text in a decoder; a sentence "
        "encoder's own way, as its modules.json says, with dense layers and normalisation; or mean and maximum of the "
        "states of all layers, each normalised: a head on these needs less of the encoder to be trained. 'grid' is the "
        "latter, and of images besides what a layer half way up sees in each of 3 x 3 parts.",
    )
    prompt: str = Field(
        "",
        max_length=2000,
        description="What is put before every text, as some encoders were trained with: 'query: '. `thawline init` "
        "takes what the encoder's files say.",
    )
    head_layers: int = Field(0, ge=0, le=8, description="Hidden layers in the head; 0 is a linear head.")
    head_units: int = Field(128, ge=1, le=8192, description="Units of each hidden layer of the head.")
    head_activation: Literal["relu", "gelu", "tanh"] = Field("gelu", description="Activation in the head.")
    dropout: float = Field(0.1, ge=0, lt=1, description="Dropout before each linear layer of the head (0 to 1).")
    attention_dropout: float | None = Field(
        0.0,
        ge=0,
        lt=1,
        description="Dropout of attention's weights in layers that train (0 to 1). Without it they run on the fused "
        "kernels and take an eighth less time. Unset: as the encoder's configuration says.",
    )
    stream: Literal["auto", "always", "never"] = Field(
        "auto",
        description="Whether blocks of an encoder of texts stay in their files until they run, so that memory holds "
        "one of them and what trains: 'auto' does so where all weights in float32 would take more than half of the "
        "memory that is free. Results are the same to the bit on a CPU.",
    )


class WrittenPhase(Section):
    """One phase of a schedule that is written down."""

    name: str = Field(..., min_length=1, description="Name of the phase, such as 'head'.")
    groups: dict[str, float] = Field(
        ..., description="Learning rates of the layer groups that train, by name or regular expression."
    )
    num_epochs: int = Field(..., ge=1, le=1000, description="Most epochs.")
    patience: int | None = Field(None, ge=1, description="As train.patience, for this phase.")
    min_gain: float | None = Field(
        None, ge=0, lt=1, description="Inner macro-F1 that a fold must gain, or the phase is taken back in it."
    )
    exact: bool = Field(
        False, description="In a phase of the head alone: solve for its weights if it is linear, do not train them."
    )


class Train(Section):
    """Staged fine-tuning."""

    policy: Literal["head_only", "full", "lp_ft", "gradual", "auto", "chain_thaw", "explicit"] = Field(
        "gradual",
        description="Unfreezing policy: the head alone; everything at once; the head, then everything; the head, then "
        "groups of layers from the top down; the head, then at once as many groups as pay (depth); the head, then each "
        "group by itself, then all; or as train.phases says.",
    )
    phases: tuple[WrittenPhase, ...] = Field(
        (),
        description="Phases of policy 'explicit', each with name, groups {name or regular expression: learning rate} "
        "and num_epochs; `thawline schedule` prints those of any policy in this form.",
    )
    depth: int | None = Field(
        None,
        ge=0,
        description="Encoder layer groups that 'auto' unfreezes, from the top; 0 trains the head alone. Unset: as many "
        "pay on a part of the first fold, tried in steps of groups_per_phase up to max_unfrozen_groups.",
    )
    min_gain: float = Field(
        0.002,
        ge=0,
        lt=1,
        description="Macro-F1 that a depth must bring on the rows that judge it (0 to 1), besides a Brier score that "
        "is lower beyond chance.",
    )
    max_seconds: float = Field(
        1800.0,
        ge=0,
        description="Depths are left whose training of all folds and of the final fit would take longer (seconds).",
    )
    groups_per_phase: int = Field(
        2, ge=1, description="Layer groups that 'gradual' unfreezes in each phase, and by which 'auto' goes deeper."
    )
    max_unfrozen_groups: int | None = Field(
        2, ge=1, description="Encoder layer groups that either may unfreeze at most, from the top. Unset: all."
    )
    head_epochs: int = Field(
        30,
        ge=1,
        le=1000,
        description="Most epochs of the phase that trains a head with hidden layers alone. A linear one is solved for, "
        "as logistic regression on the frozen encoder, unless the loss is 'focal'.",
    )
    num_epochs: int = Field(
        2, ge=1, le=1000, description="Most epochs of all phases that train encoder layers, shared between them."
    )
    patience: int = Field(2, ge=1, description="Epochs without a better inner score before a phase stops.")
    monitor: Literal["calibrated_loss", "loss", "f1_macro"] = Field(
        "calibrated_loss",
        description="What early stopping watches on the inner rows. The loss is steadier than F1; after temperature "
        "scaling it does not take confidence that is easily put right for a loss of knowledge.",
    )
    restore_margin: float = Field(
        1.0,
        ge=0,
        le=10,
        description="While encoder layers train, an earlier epoch's weights are restored only if their inner loss is "
        "lower than the last epoch's by more than so many of its standard errors: inner rows are few, and the later "
        "epoch has the lower learning rate. Means nothing to the monitor 'f1_macro'.",
    )
    inner_share: float = Field(
        0.1,
        gt=0,
        lt=0.5,
        description="Share of a fold's training rows that early stopping watches (0 to 0.5). The fold's classifier is "
        "then made anew from all of its training rows, as far as these chose.",
    )
    batch_size: int = Field(32, ge=1, le=4096, description="Rows in a batch.")
    head_learning_rate: float = Field(
        5e-3,
        gt=0,
        le=1,
        description="Learning rate of a head with hidden layers while the encoder is frozen.",
    )
    learning_rate: float = Field(
        1e-4, gt=0, le=1, description="Learning rate of the topmost encoder group and the head once layers unfreeze."
    )
    layer_lr_decay: float = Field(
        0.9, gt=0, le=1, description="Factor on the learning rate for each group further down (discriminative rates)."
    )
    schedule: Literal["constant", "linear", "cosine", "one_cycle", "slanted_triangular"] = Field(
        "linear",
        description="Course of the learning rate in a phase after warm-up. 'one_cycle' and 'slanted_triangular' "
        "also say how it warms up; they are made for a warmup_share of 0.3 and 0.1.",
    )
    warmup_share: float = Field(0.1, ge=0, lt=1, description="Share of a phase's steps that warm up (0 to 1).")
    weight_decay: float = Field(0.01, ge=0, le=1, description="AdamW weight decay; biases and norms are exempt.")
    max_grad_norm: float = Field(1.0, gt=0, description="Gradients are clipped to this norm.")
    accumulation_steps: int = Field(
        1, ge=1, le=1024, description="Batches whose gradients make one optimizer step together (batches)."
    )
    loss: Literal["cross_entropy", "focal"] = Field(
        "cross_entropy", description="What is minimised; 'focal' attends to rows that are still wrong."
    )
    focal_gamma: float = Field(
        2.0, ge=0, le=10, description="How strongly 'focal' turns from rows that are right already; 0 is cross-entropy."
    )
    sampling: Literal["shuffle", "balanced"] = Field(
        "shuffle",
        description="Rows of an epoch: each once, or as many of each class, rare ones repeated. 'balanced' changes "
        "probabilities.",
    )
    averaging: Literal["none", "ema", "swa"] = Field(
        "none",
        description="Score and keep an average of the weights: 'ema' over the steps, 'swa' over the ends of epochs in "
        "the second half of a phase.",
    )
    ema_decay: float = Field(
        0.99, gt=0, lt=1, description="Share of the average that 'ema' keeps at each step (0 to 1)."
    )
    class_weights: Literal["none", "balanced"] = Field(
        "none", description="Weights in the loss: none, or inverse to class frequency. These change probabilities."
    )
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Label smoothing in the loss (0 to 1).")
    adapters: Adapters = Field(default_factory=Adapters, description="Adapters in place of an encoder's weights.")
    activations: Literal["float32", "float16"] = Field(
        "float32", description="Number format of stored activations; float16 halves the disk space, and rounds."
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(
        "auto",
        description="Where to train, and where the model answers if the machine there has it, else what auto takes: a "
        "GPU where there is one.",
    )
    compile: bool = Field(
        False,
        description="Compile the layers that train with torch.compile: worth it where a phase takes many minutes, as "
        "compiling takes one. Where it fails, training goes on without it and says why.",
    )
    checkpoint_steps: int | None = Field(
        None,
        ge=1,
        description="Also write a checkpoint after so many optimizer steps within an epoch, not only at the ends of "
        "epochs. Unset: only there; worth it where an epoch takes many minutes.",
    )


class Store(Section):
    """The store of what frozen layers make of the rows, shared by epochs, phases, folds and runs."""

    budget_gb: float = Field(
        20.0, ge=0, description="Disk space it may take (GB); what is unused the longest goes first. 0 stores nothing."
    )
