"""DVC stage `ingest`: every accepted file in data/raw to rows with an id, in order of file name and row."""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from modalities import Modality, get_modality
from tasks.stage import run_stage
from thawline.errors import DataRefusedError
from thawline.formats.frames import write_frame, write_report
from thawline.params import Params
from thawline.rows.row_ids import row_ids
from thawline.workspace import Workspace


def ingest(workspace: Workspace, params: Params) -> None:
    """Write rows.parquet and reports/ingest.json.

    Raises:
        DataError: data/raw is empty, or a file in it can't be read.
    """
    modality = get_modality(params.modality)
    frame = read_raw(workspace, params, modality)
    frame.insert(0, "row_id", row_ids(modality.canonical(frame)))
    per_file = frame.groupby("source", sort=True).size()
    write_frame(frame, workspace.rows)
    report = {
        "files": len(per_file),
        "rows": len(frame),
        "distinct_rows": int(frame["row_id"].nunique()),
        "rows_per_file": {str(name): int(count) for name, count in per_file.items()},
    }
    write_report(report, workspace.reports / "ingest.json")


def read_raw(workspace: Workspace, params: Params, modality: Modality) -> pd.DataFrame:
    """Read all accepted files, one below the other.

    Raises:
        DataError: There is none, or one can't be read.
    """
    files = raw_files(workspace)
    if not files:
        raise DataRefusedError(
            f"{workspace.raw} holds no data; hand over a file with `thawline arrive FILE`, or set arrive.initial"
        )
    return read_files(files, params, modality)


def read_files(files: Sequence[Path], params: Params, modality: Modality) -> pd.DataFrame:
    """Read some files, at least one, one below the other.

    Raises:
        UnreadableFileError: One can't be read.
    """
    return pd.concat([modality.read(path, params) for path in files], ignore_index=True)


def raw_files(workspace: Workspace) -> list[Path]:
    """List the accepted files by name, without what DVC and git keep beside them."""
    if not workspace.raw.is_dir():
        return []
    return sorted(
        path
        for path in workspace.raw.iterdir()
        if path.suffix not in {".dvc", ".tmp"} and not path.name.startswith(".")
    )


if __name__ == "__main__":
    sys.exit(run_stage(ingest))
