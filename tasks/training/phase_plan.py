"""A schedule as a person reads, edits and passes it back: the phases of any policy in the form of `train.phases`."""

import io
from collections.abc import Sequence

import pandas as pd
from ruamel.yaml import YAML

from modalities import get_modality
from models.encoders.loading import Encoder
from models.training.policies import plan_phases
from tasks.training.adapters import trainable_groups
from tasks.training.setup import policy_settings
from thawline.formats.frames import read_frame
from thawline.params import Params
from thawline.params.learning import WrittenPhase
from thawline.workspace import Workspace


def plan(workspace: Workspace, params: Params) -> list[WrittenPhase]:
    """Return the phases that `params.train` gives for the encoder that `params.model` names.

    Raises:
        PolicyError: The schedule can't be carried out.
        EncoderNotFoundError: There is no such encoder.
        DataRefusedError: The encoder is made from rows, and the stages have not made them yet.
    """
    modality = get_modality(params.modality)
    rows = read_frame(workspace.train_rows) if modality.fits_encoder(params) else pd.DataFrame()
    encoder: Encoder = modality.load_encoder(params, workspace.root, rows)
    return [
        WrittenPhase(
            name=phase.name,
            groups=dict(zip(phase.trainable, phase.learning_rates, strict=True)),
            num_epochs=phase.num_epochs,
            patience=phase.patience,
            min_gain=phase.min_gain,
            exact=phase.exact,
        )
        for phase in plan_phases(params.train.policy, trainable_groups(encoder, params), policy_settings(params))
    ]


def write_phases(phases: Sequence[WrittenPhase]) -> str:
    """Return the phases as YAML for the section `train` of params.yaml."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(
        {"train": {"policy": "explicit", "phases": [phase.model_dump(exclude_none=True) for phase in phases]}}, stream
    )
    return stream.getvalue()
