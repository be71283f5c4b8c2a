"""DVC stage `clean`: rows to clean rows; every change is counted, every dropped row kept with its rule."""

import sys

from modalities import get_modality
from targets import target_of
from tasks.stage import run_stage
from thawline.formats.frames import read_frame, write_frame, write_report
from thawline.params import Params
from thawline.rows.cleaning import drop_rows
from thawline.workspace import Workspace


def clean(workspace: Workspace, params: Params) -> None:
    """Write clean.parquet, dropped.parquet (content as cleaned, so that a reader sees why) and reports/cleaning.json.

    Raises:
        DataRefusedError: Labels conflict and the policy is to refuse.
    """
    modality, target = get_modality(params.modality), target_of(params)
    rows = read_frame(workspace.rows)
    prepared, changed = modality.prepare(rows, params)
    cleaned = drop_rows(
        prepared,
        missing=modality.missing(prepared),
        normalised=modality.normalised(prepared),
        params=params.clean,
    )
    write_frame(cleaned.kept, workspace.clean_rows)
    write_frame(cleaned.dropped, workspace.dropped_rows)
    report = {
        "rows_in": len(rows),
        "rows_out": len(cleaned.kept),
        "rows_changed": changed,
        "rows_dropped": cleaned.num_dropped,
        "rows_in_per_class": dict(target.count(rows["label"])),
        "rows_out_per_class": dict(target.count(cleaned.kept["label"])),
    }
    write_report(report, workspace.reports / "cleaning.json")


if __name__ == "__main__":
    sys.exit(run_stage(clean))
