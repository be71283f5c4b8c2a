"""What people's answers brought is told from rows whose label nobody changed, and only where somebody answered."""

import numpy as np
import pandas as pd
import pytest

from tasks.candidates.frozen_features import cross_validate_frozen
from tasks.candidates.mended_labels import compare_with_arrived
from tasks.clean import clean
from tasks.ingest import ingest
from tasks.results.mended import Mended
from tasks.split import split
from tests.line_by_steps import make_raw
from tests.tiny_spaces import tiny_params
from thawline.context import Context
from thawline.formats.frames import read_frame
from thawline.mending.corrections import Answer, Correction
from thawline.mending.tally import Tally, tally
from thawline.params.file import parse_params
from thawline.workspace import Workspace


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return make_raw(tmp_path_factory.mktemp("line") / "space", "text")


def make_context(workspace: Workspace, version: str) -> Context:
    params = parse_params(tiny_params("text", {"split": {"num_folds": 2}}))
    for stage in (ingest, clean, split):
        stage(workspace, params)
    return Context(root=workspace.root, params=params, data_version=version, code_version="1")


def test_labels_of_before_and_of_now_are_scored_on_rows_that_nobody_changed(workspace: Workspace) -> None:
    context = make_context(workspace, "before")
    frozen = cross_validate_frozen.fn(context)
    nobody = tally([])
    assert compare_with_arrived(context, [frozen], nobody).before == ()
    train = read_frame(workspace.train_rows)
    labels = sorted(train["label"].unique())
    answers = [
        Answer(row_ids=(row,), source="", source_row=0, part="train", given=label, answer="label", label=other)
        for row, label in train[["row_id", "label"]].head(8).itertuples(index=False)
        for other in labels
        if other != label
    ][:8]
    change = Correction(created="2026-01-01", by="anna", review="", answers=tuple(answers))
    (workspace.raw / change.file_name).write_text(change.model_dump_json())
    changed = make_context(workspace, "after")
    frozen = cross_validate_frozen.fn(changed)
    found = compare_with_arrived(changed, [frozen], tally([change]))
    assert len(found.before) == len(found.after) == 2
    mended = read_frame(workspace.train_rows)
    same = ~mended["row_id"].isin([answer.row_ids[0] for answer in answers])
    assert int(same.sum()) == len(mended) - 8
    assert all(0 <= value <= 1 for value in (*found.before, *found.after))
    assert pd.isna(found.gain[0]) is False
    assert np.allclose(found.gain[0], np.mean(found.after) - np.mean(found.before))


def test_it_is_said_in_words() -> None:
    counted = Tally(changed={"anna": 3}, dropped=1, kept=2, contested=0, test=1, flags=5, agreed=4)
    told = Mended(tally=counted, approach="frozen_logistic", before=(0.8, 0.9), after=(0.9, 0.9)).sentence()
    assert told == (
        "3 labels changed by people (anna 3); 1 of them of test rows; 1 rows dropped; 2 labels confirmed; people "
        "agreed with 4 of 5 flags (80%). frozen_logistic on rows whose label nobody changed: macro-F1 0.8500 with the "
        "labels that arrived, 0.9000 with those of now (+0.0500, standard error 0.0500)."
    )
