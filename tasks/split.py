"""DVC stage `split`: clean rows to train with folds, test, and rows held out, by the append-only ledger."""

import io
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from modalities import get_modality
from targets import Target, target_of
from tasks.stage import run_stage
from thawline.errors import DataRefusedError, StorageError
from thawline.formats.frames import read_frame, write_frame, write_report
from thawline.params import Params
from thawline.params.data import Split
from thawline.rows.forward_folds import assign_forward_folds
from thawline.rows.groups import refuse_few_groups, regrouped, with_owners
from thawline.rows.splits import LEDGER_COLUMNS, assign_folds, empty_ledger, extend_ledger, split_rows
from thawline.system.files import write_lastingly
from thawline.workspace import Workspace

Assigned = dict[str, float | str]
"""Params by which rows came into the ledger."""


def split(workspace: Workspace, params: Params) -> None:
    """Add new rows to the ledger, write train, test and held_out rows and reports/split.json.

    Raises:
        StorageError: The ledger is there and can't be read as one.
        DataRefusedError: `split.test_share` or `split.seed` has changed, and there is no new row that it could be of;
            or the labels are of another column than those by which the ledger's rows were stratified; or
            `split.group_column` has too few groups.
    """
    target, rows = target_of(params), read_frame(workspace.clean_rows)
    rows = rows.assign(**target.columns(rows["label"]))
    rows["group"] = get_modality(params.modality).near_duplicate_groups(rows, params)
    owned = with_owners(rows, params.split.group_column)
    old = read_ledger(workspace)
    ledger = extend_ledger(old, owned.rows, test_share=params.split.test_share, seed=params.split.seed)
    if len(old) and len(rows):
        assigned = _read_assigned(workspace)
        _refuse_other_labels(assigned, params.ingest.label_column)
        if len(ledger) == len(old):
            _refuse_without_effect(assigned, params.split)
    parts = regrouped(split_rows(owned.rows, ledger, relations=owned.relations), owned)
    refuse_few_groups(parts, params.split)
    parts["train"] = parts["train"].assign(fold=_folds(parts["train"], params.split))
    write_lastingly(workspace.ledger, ledger.to_csv(index=False, lineterminator="\n").encode())
    write_frame(parts["train"], workspace.train_rows)
    write_frame(parts["test"], workspace.test_rows)
    write_frame(parts["held_out"], workspace.held_out_rows)
    sizes = owned.rows.groupby("group").size()
    report = {
        "rows": len(rows),
        "rows_new_to_ledger": len(ledger) - len(old),
        "ledger_lines": len(ledger),
        "groups": len(sizes),
        "rows_in_groups_of_several": int(sizes[sizes > 1].sum()),
        "largest_group": int(sizes.max()) if len(sizes) else 0,
        **{name: {"rows": len(part), "per_class": _count(part, target)} for name, part in sorted(parts.items())},
        "folds": _count_folds(parts["train"], target),
    }
    write_report(report, workspace.reports / "split.json")


def _folds(train: pd.DataFrame, chosen: Split) -> npt.NDArray[np.int64]:
    if chosen.time_column is not None:
        return assign_forward_folds(train, num_folds=chosen.num_folds)
    return assign_folds(train, num_folds=chosen.num_folds, seed=chosen.seed)


def _refuse_other_labels(assigned: Sequence[Assigned], column: str) -> None:
    """Refuse labels of another column: no row moves, and the test rows were drawn for the classes of before."""
    before = next((one["label_column"] for one in reversed(assigned) if "label_column" in one), column)
    if before != column:
        raise DataRefusedError(
            f"ingest.label_column {column}: this workspace's rows were parted into train and test by the labels of the "
            f"column {before}, and none moves. Put that back, or make a workspace for the other labels by "
            "`thawline init`"
        )


def _refuse_without_effect(assigned: Sequence[Assigned], chosen: Split) -> None:
    """Refuse a share or a seed that no row of the ledger came in under: it would be taken, and change nothing."""
    from tasks.versions.dvc_repo import ASSIGNED

    known = [{key: one[key] for key in ASSIGNED if key in one} for one in assigned]
    wanted = {key: getattr(chosen, key) for key in ASSIGNED}
    if not all(known) or wanted in known:
        return
    values, before = (", ".join(f"split.{key} {value}" for key, value in one.items()) for one in (wanted, known[-1]))
    raise DataRefusedError(
        f"{values}: all rows are in the ledger already, and none moves between train and test; they came in under "
        f"{before}. Put that back, or make a new workspace with the new values by `thawline init --set`"
    )


def _read_assigned(workspace: Workspace) -> list[Assigned]:
    """Return what the ledger's rows were assigned by, the oldest first, the last run's own last (empty: not said)."""
    from tasks.versions.dvc_repo import read_assigned  # only where rows are known already: a stage starts often
    from tasks.versions.version_records import list_versions

    return [entry.assigned for entry in list_versions(workspace) if entry.assigned] + [read_assigned(workspace)]


def read_ledger(workspace: Workspace) -> pd.DataFrame:
    """Read the ledger; where there is none yet it has no lines.

    Raises:
        StorageError: The file is damaged.
    """
    path = workspace.ledger
    if not path.is_file():
        return empty_ledger()
    remedy = "restore it with `dvc checkout data/processed/ledger.csv`: without it test rows would reach training"
    try:
        ledger = pd.read_csv(io.BytesIO(path.read_bytes()), dtype="str", keep_default_na=False)
    except ValueError as error:
        raise StorageError(f"{path} is damaged ({error}); {remedy}") from error
    if list(ledger.columns) != LEDGER_COLUMNS or not ledger["split"].isin(["train", "test"]).all():
        raise StorageError(f"{path} is damaged: it must have the columns {LEDGER_COLUMNS}, train or test; {remedy}")
    if ledger["row_id"].duplicated().any():
        raise StorageError(f"{path} is damaged: it names a row twice; {remedy}")
    return ledger


def _count(rows: pd.DataFrame, target: Target) -> dict[str, int]:
    return dict(target.count(rows["label"]))


def _count_folds(train: pd.DataFrame, target: Target) -> dict[str, Any]:
    return {str(fold): _count(rows, target) for fold, rows in train.groupby("fold", sort=True)}


if __name__ == "__main__":
    sys.exit(run_stage(split))
