"""The data that a profile describes: all prepared rows, and where each of them went."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from modalities import Modality, get_modality
from targets import target_of
from tasks.ingest import read_raw
from thawline.formats.frames import read_frame
from thawline.params import Params
from thawline.rows.split_columns import NEAR
from thawline.workspace import Workspace

GIVEN = "split:given"
TRAIN, TEST, HELD_OUT, DROPPED, UNSPLIT = "train", "test", "held out", "dropped", "not split"


@dataclass(frozen=True)
class Subject:
    """Prepared rows with `label`, `source`, `source_row`, `normalised`, `group`, `split`, `fold` and `rule`.

    `split` is one of the words above; `rule` says why a dropped row was, `fold` is -1 outside of train. `group` is the
    number of near-duplicates, -1 where none was told. Of labels that are numbers, `label` is the range that one is in,
    and GIVEN the label itself.
    """

    params: Params
    modality: Modality
    rows: pd.DataFrame

    @property
    def is_split(self) -> bool:
        """Say whether the rows have gone through the stages; else they are raw rows that were only prepared."""
        return bool((self.rows["split"] != UNSPLIT).any())

    @cached_property
    def seen(self) -> pd.DataFrame:
        """Rows whose content is looked at: training rows, so that the test set stays unseen; raw rows if not split."""
        rows = self.rows[self.rows["split"] == (TRAIN if self.is_split else UNSPLIT)]
        has_content = rows["label"].notna() & ~self.modality.missing(rows).astype(bool)
        return rows[has_content].reset_index(drop=True)

    @cached_property
    def labels(self) -> NDArray[np.object_]:
        """Labels of the rows that are looked at."""
        return self.seen["label"].to_numpy(dtype=object)

    @cached_property
    def classes(self) -> list[str]:
        """Classes of the rows that are looked at, the most frequent first."""
        counts = self.seen["label"].value_counts()
        return sorted(counts.index.astype(str), key=lambda name: (-counts[name], name))

    @cached_property
    def measures(self) -> pd.DataFrame:
        """What `Modality.measures` says of the rows that are looked at."""
        return self.modality.measures(self.seen)


def read_processed_subject(workspace: Workspace, params: Params) -> Subject:
    """Return the rows that the DVC stages made, dropped and held-out ones too."""
    modality = get_modality(params.modality)
    parts = {
        TRAIN: workspace.train_rows,
        TEST: workspace.test_rows,
        HELD_OUT: workspace.held_out_rows,
        DROPPED: workspace.dropped_rows,
    }
    frames = {name: read_frame(path) for name, path in parts.items()}
    rows = pd.concat([frame for frame in frames.values() if len(frame)], ignore_index=True)
    split = np.repeat(list(frames), [len(frame) for frame in frames.values()])
    nowhere = pd.Series(np.nan, index=rows.index)
    near = NEAR if NEAR in rows else "group"
    fold, group = (rows.get(name, nowhere).fillna(-1).astype("int64") for name in ("fold", near))
    rule = rows.get("rule", nowhere).astype(object).fillna("")
    return _subject(rows, params, modality, split=split, fold=fold, group=group, rule=rule)


def read_raw_subject(workspace: Workspace, params: Params) -> Subject:
    """Return the accepted rows, prepared, for data that was refused before it could be split.

    Raises:
        DataError: There is no file, or one can't be read.
    """
    modality = get_modality(params.modality)
    prepared, _ = modality.prepare(read_raw(workspace, params, modality), params)
    groups = modality.near_duplicate_groups(prepared, params)
    return _subject(prepared, params, modality, split=UNSPLIT, fold=-1, group=groups, rule="")


def _subject(rows: pd.DataFrame, params: Params, modality: Modality, **columns: Any) -> Subject:
    """Add columns all at once: one by one they would take as long as the rest where there are thousands."""
    named = target_of(params).named(rows["label"])
    columns |= {"label": named, GIVEN: rows["label"], "normalised": modality.normalised(rows)}
    added = pd.DataFrame(columns, index=rows.index)
    content = rows.drop(columns=list(added), errors="ignore")
    return Subject(params, modality, pd.concat([content, added], axis=1))
