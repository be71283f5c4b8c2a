"""The model registry: the challenger becomes a version once, and the champion's alias moves only through the gates.

A version carries its fingerprint (data, params, code), verdict and gates from the moment it exists, so that a process
killed between registering and promoting is completed by the next run instead of registering a second time. Moving the
alias `champion` is `tasks/judging/champion.py`.
"""

import importlib.metadata
import logging
import tempfile
import warnings
from pathlib import Path

import mlflow
import pandas as pd
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature, infer_signature
from mlflow.types.schema import AnyType, ColSpec, DataType, Schema
from prefect import task

from modalities import get_modality
from modalities.predictor import load_predictor
from models.classifiers.references import list_distributions
from tasks.caching import NO_CACHE, retry_transient
from tasks.judging.champion import (
    JUDGED_AGAINST,
    NOBODY,
    PROMOTED,
    SINCE,
    TEST_ROWS,
    UNDECIDED,
    WAITING,
    WAITS,
    aliases_of,
    is_open,
    promote_if_pending,
)
from tasks.judging.model_card import render_card
from tasks.judging.ownership import own_registered_model
from tasks.judging.review import Review
from tasks.results.cross_validation import FinalFit
from tasks.results.judgement import Decision, Judgement
from tasks.tracking.logged_models import log_model, model_of, register_model
from tasks.tracking.runs import FINGERPRINT, Tracking
from tasks.training.device_slots import on_device
from tasks.versions.git_command import read_code_commit
from thawline.context import Context
from thawline.formats.frames import read_frame
from thawline.params import Params
from thawline.rooms import ROOT
from thawline.system.lock import lock_workspace

log = logging.getLogger(__name__)

JUDGEMENT = "thawline.judgement"
REQUIREMENTS = (
    "filelock",
    "mlflow",
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "ruamel.yaml",
    "safetensors",
    "scikit-learn",
    "scipy",
    "skops",
    "torch",
    "transformers",
)
CARD = "card.md"
CODE = ("modalities", "models", "targets", "thawline")
SERVED = Path(__file__).with_name("served_model.py")


@task(name="register", cache_policy=NO_CACHE, **retry_transient(MlflowException, OSError))
def register(context: Context, tracking: Tracking, *, fit: FinalFit, run_id: str, review: Review) -> Decision:
    """Register the candidate as challenger, unless its very data, params and code are registered already.

    Args:
        context: The run's context.
        tracking: The open tracking store.
        fit: The fitted candidate.
        run_id: The MLflow run that holds the model.
        review: Its judgement says whether the champion's alias moves. A version registered before keeps its own,
            unless that could not be: its champion could not be scored, or was another by then.
    """
    judgement = review.judgement
    name, fingerprint = context.params.name, context.key()
    with lock_workspace(context.workspace, "registry", wait_s=-1):
        version = find_version(tracking, name, fingerprint)
        registered = version is None
        if version is None:
            tags = {
                FINGERPRINT: fingerprint,
                **_verdict_tags(judgement, context.params),
                TEST_ROWS: str(len(review.predictions.labels)),
                "thawline.candidate": judgement.candidate,
                "thawline.data_version": context.data_version,
            }
            card = render_card(review, git_commit=read_code_commit() or "none")
            model_id = _log_model(context, tracking, fit, run_id, card)
            own_registered_model(tracking, context.workspace, name, review.classes)
            version = register_model(tracking, name, model_id, run_id=run_id, tags=tags, description=card)
        elif is_open(tracking, version):
            log.info("%s version %s is judged anew", name, version.version)
            for tag, value in _verdict_tags(judgement, context.params).items():
                tracking.client.set_model_version_tag(name, version.version, tag, value)
        else:
            log.info("%s version %s has the same data, params and code: not registered again", name, version.version)
        number = str(version.version)
        _converge_aliases(tracking, name, tracking.client.get_model_version(name, number))
        version = tracking.client.get_model_version(name, number)
        return Decision(
            version=number,
            model_id=model_of(version),
            registered=registered,
            promoted=version.tags[PROMOTED] == "true" and SINCE in version.tags,
            aliases=aliases_of(tracking, name, number),
            judgement=_told(
                Judgement.model_validate_json(version.tags[JUDGEMENT]), version, is_open(tracking, version)
            ),
        )


def find_version(tracking: Tracking, name: str, fingerprint: str) -> ModelVersion | None:
    """Return the registered version made from the same data, params and code, if there is one."""
    found = tracking.client.search_model_versions(f"name = '{name}' and tags.`{FINGERPRINT}` = '{fingerprint}'")
    return found[0] if found else None


def _verdict_tags(judgement: Judgement, params: Params) -> dict[str, str]:
    """Return the tags in an order in which a version that has only some of them yet is promoted by none."""
    passed = WAITING if params.gates.approval == "person" else "true"
    return {
        JUDGEMENT: judgement.model_dump_json(),
        PROMOTED: UNDECIDED if judgement.lacks_champion else passed if judgement.passed else "false",
        JUDGED_AGAINST: judgement.champion or NOBODY,
    }


def _told(judgement: Judgement, version: ModelVersion, is_open: bool) -> Judgement:
    """Return a judgement that says so if a person is to agree, or if another became champion while it was made."""
    if judgement.passed and not is_open and version.tags[PROMOTED] == WAITING:
        return judgement.model_copy(update={"verdict": WAITS + judgement.verdict.removeprefix("Promoted: ")})
    if not (judgement.passed and is_open):
        return judgement
    against = f"version {judgement.champion}" if judgement.champion else "thresholds only"
    verdict = (
        f"Not promoted: {judgement.candidate} passed its gates, judged against {against}, but another version has "
        "become champion meanwhile; run again to be judged against that one."
    )
    return judgement.model_copy(update={"verdict": verdict})


def _converge_aliases(tracking: Tracking, name: str, version: ModelVersion) -> None:
    """Point `challenger`, and after passed gates `champion`, at the newest version; an older one moves nothing."""
    aliases = tracking.client.get_registered_model(name).aliases
    if int(aliases.get("challenger", 0)) < int(version.version):
        tracking.client.set_registered_model_alias(name, "challenger", str(version.version))
    promote_if_pending(tracking, name, version)


def describe_input(example: pd.DataFrame, answer: pd.DataFrame) -> ModelSignature:
    """Return a model's signature, in which cells of numbers and dates may come as any type.

    The model reads cells by itself, as text; MLflow would refuse a whole number where training saw fractions, and a
    date as text.
    """
    signature = infer_signature(example, answer.fillna({"label": ""}))  # of three rows that it is too unsure of
    typed = (DataType.string, DataType.binary)
    columns = [
        ColSpec(column.type if column.type in typed else AnyType(), column.name) for column in signature.inputs.inputs
    ]
    return ModelSignature(inputs=Schema(columns), outputs=signature.outputs)


@on_device
def _log_model(context: Context, tracking: Tracking, fit: FinalFit, run_id: str, card: str) -> str:
    """Package the model for MLflow, log it as one of the run's and return its id."""
    predictor = load_predictor(fit.model)
    rows = read_frame(context.workspace.train_rows).head(3).reset_index(drop=True)
    modality = get_modality(context.params.modality)
    example = modality.to_input(rows, context.params)
    libraries = sorted({*REQUIREMENTS, *modality.libraries, *list_distributions(fit.model)})
    with tempfile.TemporaryDirectory(dir=context.workspace.state) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # hints on type hints: the signature below says it all

        def save(described: Model) -> Path:
            target = Path(folder) / "model"
            mlflow.pyfunc.save_model(
                str(target),
                mlflow_model=described,
                python_model=str(SERVED),
                artifacts={"model": str(fit.model)},
                code_paths=[str(ROOT / package) for package in CODE],
                pip_requirements=[f"{library}=={importlib.metadata.version(library)}" for library in libraries],
                signature=describe_input(example, predictor.predict(example)),
                input_example=example,
            )
            (target / CARD).write_text(card, encoding="utf-8")
            return target

        tags = {FINGERPRINT: context.key(), "thawline.data_version": context.data_version}
        return log_model(context, tracking, run_id, name=fit.name, tags=tags, save=save)
