"""One file a kind of data: a module here that holds `MODALITY` describes one as a frozen record of functions.

The folder is the registry: a new modality is a new such module, and no edit anywhere else. Read `Modality` below first,
then `text.py`. `texts/`, `images/` and `tables/` hold the parts of `text.py`, `image.py` and `tabular.py`;
`predictor.py` is a fitted model on disk, of any kind. Models registered before know `predictor` and `nearest_imputer`
by these names: they stay here.
Modules are imported when asked for, so that a DVC stage on texts never waits for an image library.

Frames that these functions take and give have the columns `label`, `source` (file name), `source_row` (0-based row
in that file) and the content columns of the modality (`text` for texts).
"""

import importlib
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.errors import ParamsError
from thawline.formats.tables import Chunk
from thawline.page.parts import Panel
from thawline.params import Params
from thawline.params.file import nearest

AUTO = "auto"


@dataclass(frozen=True)
class Shown:
    """A row as a person looks at it: its text, and the file of a picture where it has one."""

    text: str
    image: bytes | None = None


@dataclass(frozen=True)
class Occlusions:
    """One row again and again, each time without one of its P parts: what it takes to see what each part changes.

    `parts` says what they are, in the row's order. `part_of` (N,) says of each of the prepared `rows` which part it is
    without; the mean of the rows that lack a part stands for it. `draw` makes a picture (PNG) of how much each part
    weighs (P,), from -1 to 1; None where words say it.
    """

    parts: list[str]
    rows: pd.DataFrame
    part_of: npt.NDArray[np.int64]
    draw: Callable[[npt.NDArray[np.float64]], bytes] | None = None


@dataclass(frozen=True)
class Sizes:
    """Values of a section of the params that follow from what the rows are like, and why in a sentence."""

    chosen: dict[str, Any]
    reason: str
    section: str = "model"


@dataclass(frozen=True)
class Modality:
    """What the line needs to know about a kind of data; each function is pure but for `read`."""

    name: str
    """The module's name, as `params.modality` says it."""

    read: Callable[[Path, Params], pd.DataFrame]
    """A file to rows in the file's order; a missing value stays missing. Raises UnreadableFileError."""

    beside: Callable[[Path, Params], list[Path]]
    """Files beside a file that belong to it and must come along, such as the images that a manifest names."""

    stream: Callable[[Path, Params], Iterator[Chunk]]
    """A source without labels to rows as `to_rows` takes them, some at a time. Raises UnreadableFileError."""

    missing: Callable[[pd.DataFrame], pd.Series]
    """bool (N,): the row has no content at all."""

    canonical: Callable[[pd.DataFrame], pd.Series]
    """str (N,): the content as the row id sees it; missing content is ''."""

    normalised: Callable[[pd.DataFrame], pd.Series]
    """str (N,): the content with trivial differences removed; equal means an exact duplicate, '' means empty."""

    excerpt: Callable[[pd.DataFrame], pd.Series]
    """str (N,): the content in one short line, for messages and reports."""

    show: Callable[[pd.DataFrame], list[Shown]]
    """Prepared rows as a person looks at them, whole."""

    occlude: Callable[[pd.DataFrame, pd.DataFrame], Occlusions]
    """One prepared row that has content, and other prepared rows of its kind, to the row without each of its parts."""

    prepare: Callable[[pd.DataFrame, Params], tuple[pd.DataFrame, dict[str, int]]]
    """Row-wise cleaning, the same for training and for prediction, and how many rows each rule changed."""

    near_duplicate_groups: Callable[[pd.DataFrame, Params], npt.NDArray[np.int64]]
    """int64 (N,): rows that are nearly the same content share a number; numbers count up by first appearance."""

    measures: Callable[[pd.DataFrame], pd.DataFrame]
    """Prepared rows to columns of numbers, dates and categories that describe them: what drift is told from."""

    problems: Callable[[pd.DataFrame], pd.Series]
    """Prepared rows to str (N,): what of each was not read, or may have been misread; '' for nothing."""

    unanswerable: Callable[[pd.DataFrame], pd.Series]
    """Prepared rows to bool (N,): there is nothing to answer on."""

    overview: Callable[[pd.DataFrame, Params], list[Panel]]
    """Prepared rows with content and labels to what a person sees of this kind of data on the profile page."""

    settle: Callable[[pd.DataFrame, Params], Params]
    """The prepared rows a model learns from to params in which nothing is left to be inferred from other rows."""

    to_input: Callable[[pd.DataFrame, Params], pd.DataFrame]
    """Rows to what a caller of a model hands over: content columns under the names that the data's owner uses."""

    to_rows: Callable[[Any, Params], pd.DataFrame]
    """What a caller of a model hands over (such a frame, or bare values) to content columns."""

    load_encoder: Callable[[Params, Path, pd.DataFrame], Any]
    """The pretrained `models.encoders.loading.Encoder` that `params.model.encoder` names, relative to a workspace.

    The frame holds the prepared rows that may be learned from, for kinds of data whose encoders are made from them.
    """

    fits_encoder: Callable[[Params], bool]
    """Whether `load_encoder` looks at the rows it is given: then each fold has an encoder of its own."""

    encode: Callable[[Any, pd.DataFrame, Params], Any]
    """An encoder's processor (its tokenizer, say) and prepared rows to `models.inputs.rows.Rows`, in their order."""

    augment: Callable[[Params, Any, pd.DataFrame], Any]
    """Params, an encoder's processor and prepared rows to what `params.augment` asks for, a
    `models.inputs.augmentation.Augmentation`; None for no changes."""

    augments: tuple[str, ...]
    """Keys of the params section `augment` that mean something to this kind of data, besides `views`."""

    defaults: Mapping[str, Mapping[str, Any]]
    """Values of the params, by section, that a new workspace gets where they differ from the product's defaults."""

    baselines: dict[str, Callable[[Params], Any]]
    """scikit-learn classifiers by name, the simplest first: what fine-tuning has to beat."""

    number_baselines: dict[str, Callable[[Params], Any]]
    """The same where a number is estimated: scikit-learn regressors."""

    baseline_input: Callable[[pd.DataFrame], Any]
    """Prepared rows as the baselines take them."""

    content: Mapping[str, str]
    """Columns that must hold something in every row, with their types as Great Expectations calls them."""

    libraries: tuple[str, ...]
    """Distributions that a model of this kind needs to predict, beside those that every model needs."""

    rooms: tuple[str, ...]
    """Directories of `expectations/` whose checks this kind of data has to pass."""

    sizes: Callable[[pd.DataFrame, Params], list[Sizes]] | None = None
    """Rows as read to what a new workspace gets for them; of that, what a person has set is left as it is."""

    default_encoder: str = ""
    """What `model.encoder: auto` means; '' where no pretrained encoder can be named."""

    standardised: Callable[[pd.DataFrame, Params], npt.NDArray[np.float32]] | None = None
    """Prepared rows to float32 (N, D) features of mean 0, for a kind of data that no pretrained encoder reads."""

    spark_frame: Callable[[list[Path], Params], AbstractContextManager[Any]] | None = None
    """Files to a Spark frame for the checks of `validation.engine: spark`, for the time of a block."""

    def baselines_for(self, params: Params) -> dict[str, Callable[[Params], Any]]:
        """Return the baselines for the kind of answer that the params name; of several labels a row, one a label."""
        by_label: dict[str, Callable[[Params], Any]] = {
            name: partial(_by_label, make) for name, make in self.baselines.items()
        }
        return {"classes": self.baselines, "labels": by_label, "number": self.number_baselines}[params.target.kind]


def nothing_beside(_path: Path, _params: Params) -> list[Path]:
    """Return no file: what `Modality.beside` is where each file is whole by itself."""
    return []


def _by_label(make: Callable[[Params], Any], params: Params) -> Any:
    from modalities.label_by_label import LabelByLabel  # brings scikit-learn

    return LabelByLabel(make(params))


def majority(_params: Params) -> Any:
    """Return the classifier that knows only how frequent the classes are."""
    from sklearn.dummy import DummyClassifier

    return DummyClassifier(strategy="prior")


def mean(_params: Params) -> Any:
    """Return the estimator that knows only the mean of the numbers."""
    from sklearn.dummy import DummyRegressor

    return DummyRegressor(strategy="mean")


def list_modalities() -> list[str]:
    """Return the names of all modalities, sorted: the modules here that hold `MODALITY`. None is imported."""
    modules = Path(__file__).parent.glob("*.py")
    return sorted(path.stem for path in modules if re.search(r"^MODALITY\b", path.read_text(), flags=re.MULTILINE))


def encoder_name(params: Params) -> str:
    """Return the encoder that `model.encoder` names, the modality's own for `auto`; '' where it has none.

    Raises:
        ParamsError: There is no such modality.
    """
    return get_modality(params.modality).default_encoder if params.model.encoder == AUTO else params.model.encoder


def get_modality(name: str) -> Modality:
    """Return the modality that the module `modalities.<name>` describes.

    Raises:
        ParamsError: There is no such module.
    """
    known = list_modalities()
    if name not in known:
        near = nearest(name, known)
        hint = f"did you mean {near!r}? " if near else ""
        raise ParamsError(f"modality = {name!r} is not a modality; {hint}there are: {', '.join(known)}")
    modality: Modality = importlib.import_module(f"{__name__}.{name}").MODALITY
    return modality


def check_changes(params: Params) -> None:
    """Raise if `params.augment` asks for a change that this kind of data does not have.

    Raises:
        ParamsError: It does.
    """
    known = get_modality(params.modality).augments
    fields = type(params.augment).model_fields
    asked = [name for name, field in fields.items() if getattr(params.augment, name) != field.default]
    foreign = [name for name in asked if name not in {"views", *known}]
    if foreign:
        name = foreign[0]
        raise ParamsError(
            f"augment.{name} ({getattr(params.augment, name)}) means nothing to modality {params.modality}, which has "
            f"{', '.join(f'augment.{one}' for one in known)}; set augment.{name} to {fields[name].default}"
        )
