"""Texts: one column of content, `text`.

- `prepare` is the whole cleaning of a single text. Stage `clean` and prediction both call it, so that a model is
  served the texts it was trained on.
- Two texts are exact duplicates if they differ at most in case, white space and Unicode form; near-duplicates if
  their word pairs overlap as much as `split.near_duplicate_similarity` says.
"""

import logging
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from modalities import Modality, Shown, encoder_name, majority, mean, nothing_beside
from modalities.texts.baselines import tfidf_logistic, tfidf_ridge
from modalities.texts.cleaning import CONTENT, WORD, prepare
from modalities.texts.occlusion import occlude
from modalities.texts.overview import overview
from modalities.texts.sizes import sizes
from models.encoders.catalogue import MINILM
from targets import read_labels
from thawline.errors import ParamsError, UsageError
from thawline.formats.tables import Chunk, as_strings, read_chunks, read_table, require_column
from thawline.params import Params
from thawline.rows.columns import carried, constant
from thawline.rows.near_duplicates import mix, near_duplicate_groups
from thawline.rows.split_columns import carried_for_split, refuse_taken

logger = logging.getLogger(__name__)

TYPES = {CONTENT: "str"}
ROOMS = ("common", "text")
EXCERPT_LENGTH = 120
CHUNK_ROWS = 2000

DEFAULTS: dict[str, dict[str, Any]] = {
    "clean": {"conflicting_labels": "drop_few"},
    "validation": {"max_conflicting_share": 0.02},
    "model": {"pooling": "all_layers"},
    "train": {
        "policy": "auto",
        "groups_per_phase": 3,
        "max_unfrozen_groups": 6,
        "head_learning_rate": 5e-4,
        "num_epochs": 3,
    },
    "predict": {"blend": True},
}
"""Tried on mails that no figure of the documentation is of, see docs/decisions.md."""


def read(path: Path, params: Params) -> pd.DataFrame:
    """Read labelled texts: columns `text`, `label`, `source` (file name), `source_row` (0-based, without the header).

    Labels are stripped of white space around them, and a blank label is a missing one.

    Raises:
        ParamsError: The text column is also the label column, or the encoding is unknown.
        UnreadableFileError: The file can't be read whole, or lacks one of the columns.
    """
    columns = params.ingest
    if columns.text_column == columns.label_column:
        raise ParamsError(
            f"ingest.text_column and ingest.label_column are both {columns.text_column!r}; name two different columns"
        )
    refuse_taken(params, {columns.text_column: "ingest.text_column"})
    table = read_table(path, encoding=columns.encoding, max_mb=columns.max_file_mb)
    text = require_column(table, columns.text_column, key="ingest.text_column", path=path)
    label = require_column(table, columns.label_column, key="ingest.label_column", path=path)
    return pd.DataFrame(
        {
            CONTENT: as_strings(text),
            "label": read_labels(label, params, table),
            "source": pd.Series([path.name] * len(table), index=table.index, dtype="str"),
            "source_row": np.arange(len(table), dtype=np.int64),
            **carried(table, params.validation.slice_columns),
            **carried_for_split(table, params, path),
        }
    )


def stream(path: Path, params: Params) -> Iterator[Chunk]:
    """Read a file of rows in chunks of CHUNK_ROWS."""
    ingest = params.ingest
    return read_chunks(path, num_rows=CHUNK_ROWS, encoding=ingest.encoding, max_mb=ingest.max_file_mb)


def missing(frame: pd.DataFrame) -> pd.Series:
    """Say of each row whether it has no text."""
    return frame[CONTENT].isna()


def canonical(frame: pd.DataFrame) -> pd.Series:
    """Return each text in Unicode NFC, stripped; a missing one as ''."""
    return _map_texts(frame, lambda text: unicodedata.normalize("NFC", text).strip())


def normalised(frame: pd.DataFrame) -> pd.Series:
    """Return each text in Unicode NFKC, case-folded, runs of white space as one space; a missing one as ''."""
    return _map_texts(frame, _normalise)


def excerpt(frame: pd.DataFrame) -> pd.Series:
    """Return the beginning of each text on one line; a missing one as ''."""
    return _map_texts(frame, lambda text: _shorten(" ".join(text[: 4 * EXCERPT_LENGTH].split()), EXCERPT_LENGTH))


def show(frame: pd.DataFrame) -> list[Shown]:
    """Return the texts themselves."""
    return [Shown(text) for text in frame[CONTENT].astype(object).where(frame[CONTENT].notna(), "").tolist()]


def groups(frame: pd.DataFrame, params: Params) -> npt.NDArray[np.int64]:
    """Group texts that share enough of their pairs of neighbouring words, or are equal once normalised.

    A text of one word is compared by that word; one without words by its normalised content.
    """
    contents = normalised(frame).tolist()
    words = [WORD.findall(content) or [content] for content in contents]
    counts = np.array([len(found) for found in words], dtype=np.int64)
    if not counts.size:
        return counts
    rows = np.repeat(np.arange(len(words), dtype=np.int64), counts)
    hashes = _hash_words(word for found in words for word in found)
    is_last = np.append(rows[1:] != rows[:-1], True)
    pair = mix(hashes) + np.append(hashes[1:], np.uint64(0))
    elements = np.where(is_last, hashes, pair)
    keep = ~is_last | (np.repeat(counts, counts) == 1)
    return near_duplicate_groups(
        rows[keep], elements[keep], num_rows=len(words), similarity=params.split.near_duplicate_similarity
    )


def measures(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the number of characters and of words of each prepared text."""
    texts = frame[CONTENT].astype(object).where(frame[CONTENT].notna(), "").tolist()
    numbers = {"num_chars": [len(text) for text in texts], "num_words": [len(text.split()) for text in texts]}
    return pd.DataFrame(numbers, index=frame.index, dtype=np.float64)


def unanswerable(frame: pd.DataFrame) -> pd.Series:
    """Say of each row whether its text is missing or blank."""
    return _map_texts(frame, str.strip) == ""


def problems(frame: pd.DataFrame) -> pd.Series:
    """Say of each row whether it has no text."""
    return constant("", frame.index).mask(unanswerable(frame), "no text (missing or blank)")


def settle(_frame: pd.DataFrame, params: Params) -> Params:
    """Return the params as they are: each text is cleaned by itself."""
    return params


def to_input(frame: pd.DataFrame, params: Params) -> pd.DataFrame:
    """Return the one column of texts, under the name that the data's owner uses."""
    return frame[[CONTENT]].rename(columns={CONTENT: params.ingest.text_column})


def to_rows(given: Any, params: Params) -> pd.DataFrame:
    """Return the column `text` of a frame with the text column, or of a list, array or series of texts.

    Numbers and truth values are texts as they are in training; a missing text is ''.

    Raises:
        UsageError: The frame has no column of texts.
        UnreadableFileError: A cell holds a list or an object.
    """
    if isinstance(given, pd.DataFrame):
        named = [name for name in (params.ingest.text_column, CONTENT) if name in given.columns]
        if not named and len(given.columns) != 1:
            raise UsageError(
                f"no column {params.ingest.text_column!r} among {', '.join(map(repr, given.columns))}; name it so"
            )
        texts = given[named[0]] if named else given.iloc[:, 0]
    else:
        texts = pd.Series(given, dtype=object)
    return pd.DataFrame({CONTENT: as_strings(texts).astype(object).where(texts.notna(), "")})


def load_encoder(params: Params, root: Path, _frame: pd.DataFrame) -> Any:
    """Load the encoder; see `models.encoders.loading.load_encoder`.

    Raises:
        ParamsError: It can't be used as `model.pooling` or `model.max_tokens` says.
    """
    from models.encoders.loading import load_encoder as load
    from models.encoders.suggested import require_seen
    from models.encoders.tokenizing import tokenize

    settings = params.model.model_dump(include={"attention_dropout", "pooling", "stream"})
    encoder = load(encoder_name(params), root=root, settings=settings)
    tokenize(encoder, [], max_tokens=params.model.max_tokens)  # refuses more tokens than the encoder has positions
    require_seen(encoder, params.model.pooling)
    return encoder


def encode(tokenizer: Any, frame: pd.DataFrame, params: Params) -> Any:
    """Tokenize the texts behind `model.prompt`, cut to `model.max_tokens`."""
    from models.encoders.tokenizing import tokenize_with

    row_ids = frame["row_id"].tolist() if "row_id" in frame else None
    texts = [params.model.prompt + text for text in frame[CONTENT]] if params.model.prompt else frame[CONTENT].tolist()
    return tokenize_with(tokenizer, texts, max_tokens=params.model.max_tokens, row_ids=row_ids)


def augment(params: Params, tokenizer: Any, frame: pd.DataFrame) -> Any:
    """Return what leaves out and swaps tokens of training texts and takes them in lower case; None for none of it."""
    from models.inputs.augmentation import Augmentation
    from models.inputs.token_changes import TokenChange

    chosen = params.augment
    if not (chosen.token_dropout or chosen.token_swap or chosen.lower_case):
        return None
    lowered = None
    if chosen.lower_case:
        lowered = encode(tokenizer, frame.assign(**{CONTENT: frame[CONTENT].str.lower()}), params)
        if lowered.keys == encode(tokenizer, frame, params).keys:
            logger.warning("augment.lower_case changes nothing: the encoder's tokenizer sees no case; set it to 0")
    change = TokenChange(
        dropout=chosen.token_dropout,
        swap=chosen.token_swap,
        lower_case=chosen.lower_case,
        special_ids=frozenset(tokenizer.all_special_ids) - {tokenizer.unk_token_id},
        lowered=lowered,
    )
    return Augmentation(change)


MODALITY = Modality(
    name="text",
    read=read,
    beside=nothing_beside,
    stream=stream,
    missing=missing,
    canonical=canonical,
    normalised=normalised,
    excerpt=excerpt,
    show=show,
    occlude=occlude,
    prepare=prepare,
    near_duplicate_groups=groups,
    measures=measures,
    problems=problems,
    unanswerable=unanswerable,
    overview=overview,
    settle=settle,
    to_input=to_input,
    to_rows=to_rows,
    load_encoder=load_encoder,
    fits_encoder=lambda _params: False,
    encode=encode,
    augment=augment,
    augments=("token_dropout", "token_swap", "lower_case"),
    defaults=DEFAULTS,
    baselines={"majority": majority, "tfidf_logistic": tfidf_logistic},
    number_baselines={"mean": mean, "tfidf_ridge": tfidf_ridge},
    baseline_input=lambda frame: frame[CONTENT].astype(object).to_numpy(),
    content=TYPES,
    libraries=("ftfy",),
    rooms=ROOMS,
    sizes=sizes,
    default_encoder=MINILM.encoder,
)


def _normalise(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _map_texts(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.Series:
    texts = frame[CONTENT].astype(object).where(frame[CONTENT].notna(), "").tolist()
    return pd.Series([change(text) for text in texts], index=frame.index, dtype="str")


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def _hash_words(words: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Hash each word, equal words once."""
    codes, distinct = pd.factorize(np.array(list(words), dtype=object))
    return np.asarray(pd.util.hash_array(distinct, categorize=False))[codes]
