"""DVC stage `ingest`: every accepted file in data/raw to rows with an id, in order of file name and row.

What people have said about labels (`thawline/mending/corrections.py`) is applied here: the files stay as they arrived.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from modalities import Modality, get_modality
from tasks.stage import run_stage
from thawline.errors import DataRefusedError, first_line
from thawline.formats.frames import write_frame, write_report
from thawline.mending.corrections import Correction, Settled, apply_corrections, is_correction, settle
from thawline.mending.tally import tally
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
    corrections = read_corrections(workspace.raw)
    if corrections:
        report["corrections"] = tally(corrections).model_dump()
    write_report(report, workspace.reports / "ingest.json")


def read_raw(workspace: Workspace, params: Params, modality: Modality) -> pd.DataFrame:
    """Read all accepted files, one below the other, with the labels that people gave.

    Raises:
        DataError: There is none, or one can't be read.
    """
    files = raw_files(workspace)
    if not files:
        raise DataRefusedError(
            f"{workspace.raw} holds no data; hand over a file with `thawline arrive FILE`, or set arrive.initial"
        )
    return mend(read_files(files, params, modality), settle(read_corrections(workspace.raw)), modality)


def read_files(files: Sequence[Path], params: Params, modality: Modality) -> pd.DataFrame:
    """Read some files, at least one, one below the other.

    Raises:
        UnreadableFileError: One can't be read.
    """
    return pd.concat([modality.read(path, params) for path in files], ignore_index=True)


def mend(frame: pd.DataFrame, settled: Settled, modality: Modality) -> pd.DataFrame:
    """Return rows as read with the labels that people gave their contents, without those that they dropped."""
    if not settled.standing:
        return frame
    known = frame.assign(row_id=row_ids(modality.canonical(frame)))
    return apply_corrections(known, settled).drop(columns="row_id")


def read_corrections(raw: Path, names: Sequence[str] | None = None) -> list[Correction]:
    """Return what people have said about labels, the oldest first: of all files, or of those called so.

    Raises:
        DataRefusedError: A file is broken.
    """
    found = []
    for path in sorted(raw.glob("corrections.*.json")) if names is None else (raw / name for name in names):
        try:
            found.append(Correction.model_validate_json(path.read_bytes()))
        except ValueError as error:
            raise DataRefusedError(
                f"{path} holds no corrections ({first_line(error)}); bring it back with `dvc checkout "
                f"{path.name}.dvc`, or take it out with `thawline data remove {path.name}`"
            ) from error
    return found


def raw_files(workspace: Workspace) -> list[Path]:
    """List the accepted files by name, without corrections and what DVC and git keep beside them."""
    return [path for path in tracked_files(workspace) if not is_correction(path.name)]


def tracked_files(workspace: Workspace) -> list[Path]:
    """List the accepted files and the corrections by name, without what DVC and git keep beside them."""
    if not workspace.raw.is_dir():
        return []
    return sorted(
        path
        for path in workspace.raw.iterdir()
        if path.suffix not in {".dvc", ".tmp"} and not path.name.startswith(".")
    )


if __name__ == "__main__":
    sys.exit(run_stage(ingest))
