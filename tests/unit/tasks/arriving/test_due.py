from pathlib import Path

import pytest

from tasks.arriving.arrival_records import write_record
from tasks.arriving.due import noting_training, training_due
from thawline.errors import DataRefusedError, ServiceError
from thawline.params import Params
from thawline.rows.arrivals import Arrival
from thawline.workspace import Workspace

PARAMS = Params.model_validate({"name": "test", "arrive": {"min_new_rows": 10, "cool_down_s": 0}})


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    space = Workspace(tmp_path)
    space.raw.mkdir(parents=True)
    return space


def accept(workspace: Workspace, number: int, rows: int) -> None:
    kept_as = f"file-{number}.csv"
    (workspace.raw / kept_as).write_text("")
    write_record(
        workspace,
        Arrival(
            name="file.csv",
            sha256=str(number).ljust(64, "0"),
            state="accepted",
            kept_as=kept_as,
            arrived=str(number),
            rows=rows,
        ),
    )


def test_several_arrivals_are_trained_together_and_only_once(workspace: Workspace) -> None:
    assert not training_due(workspace, PARAMS).train
    accept(workspace, 1, 6)
    assert not training_due(workspace, PARAMS).train
    accept(workspace, 2, 6)
    assert training_due(workspace, PARAMS).new_rows == 12
    assert training_due(workspace, PARAMS).train
    with noting_training(workspace) as note_files:
        note_files()
    assert not training_due(workspace, PARAMS).train


def refuse(workspace: Workspace) -> None:
    with noting_training(workspace) as note_files:
        note_files()
        raise DataRefusedError("too few of a class")


def test_a_training_that_failed_is_due_again_and_one_whose_data_was_refused_is_not(workspace: Workspace) -> None:
    accept(workspace, 1, 20)
    with pytest.raises(ServiceError), noting_training(workspace):
        raise ServiceError("no answer")
    assert training_due(workspace, PARAMS).train
    with pytest.raises(DataRefusedError):
        refuse(workspace)
    assert not training_due(workspace, PARAMS).train
    accept(workspace, 2, 20)
    assert training_due(workspace, PARAMS).new_rows == 20


def test_rows_that_were_taken_out_again_are_no_reason(workspace: Workspace) -> None:
    accept(workspace, 1, 20)
    (workspace.raw / "file-1.csv").unlink()
    assert not training_due(workspace, PARAMS).train


def test_what_arrives_while_a_training_runs_is_for_the_next_one(workspace: Workspace) -> None:
    accept(workspace, 1, 20)
    with noting_training(workspace) as note_files:
        note_files()
        accept(workspace, 2, 20)
    assert training_due(workspace, PARAMS).new_rows == 20
