"""What comes from outside is data, never code, a path or a query; and every attack in the guide has its test."""

import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from modalities import get_modality
from tasks.arriving.quarantine import find_quarantined
from tasks.judging.past_runs import find_run
from tasks.results import load_arrays
from tasks.tracking.runs import open_tracking, search_runs, start_run
from tasks.versions.raw_data import require_raw_file
from thawline.errors import DataError, ParamsError, UsageError
from thawline.params import Params
from thawline.params.file import load_params
from thawline.workspace import Workspace

ROOT = Path(__file__).resolve().parents[2]
PARAMS = Params.model_validate({"name": "test", "modality": "tabular"})
SQL = "x'; DROP TABLE runs; --"


class Bomb:
    """Makes a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("name", ["rows.pkl", "rows.csv", "rows.parquet", "rows.csv.gz", "rows.zip", "rows.jsonl"])
def test_a_pickle_is_never_loaded_from_data(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(pickle.dumps(Bomb(tmp_path / "exploded")))
    with pytest.raises(DataError):
        get_modality("tabular").read(tmp_path / name, PARAMS)
    assert not (tmp_path / "exploded").exists()


def test_a_pickle_is_never_loaded_from_kept_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.array([Bomb(tmp_path / "exploded")], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        load_arrays(tmp_path / "a.npz")["a"]
    assert not (tmp_path / "exploded").exists()


def test_tags_in_params_are_refused_and_not_run(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text(f"name: !!python/object/apply:os.mkdir ['{tmp_path}/exploded']\n")
    with pytest.raises(ParamsError):
        load_params(Workspace(tmp_path))
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", ".", "a/../../b", ""])
def test_names_of_commands_lead_nowhere_else(tmp_path: Path, name: str) -> None:
    workspace = Workspace(tmp_path)
    for directory in (workspace.raw, workspace.quarantine):
        directory.mkdir(parents=True)
        (directory / "a.csv").write_text("label\n")
    with pytest.raises(UsageError):
        require_raw_file(workspace, name)
    with pytest.raises(UsageError):
        find_quarantined(workspace, name)


def test_sql_in_names_is_text(tmp_path: Path) -> None:
    tracking = open_tracking(Workspace(tmp_path), PARAMS)
    run_id = start_run(tracking, SQL, role="finetune", tags={"thawline.data_version": SQL})
    with pytest.raises(UsageError, match="no run matches"):
        find_run(tracking, "' OR '1'='1")
    (run,) = search_runs(tracking, "")
    assert (run.info.run_id, run.info.run_name) == (run_id, SQL)
    with pytest.raises(ValueError, match="name"):
        Params.model_validate({"name": SQL})


def test_sql_in_columns_and_labels_is_data(tmp_path: Path) -> None:
    pd.DataFrame({SQL: [1, 2], "label": [SQL, "b"]}).to_csv(tmp_path / "a.csv", index=False)
    frame = get_modality("tabular").read(tmp_path / "a.csv", PARAMS)
    assert frame[SQL].tolist() == ["1", "2"]
    assert frame["label"].tolist() == [SQL, "b"]


def test_every_attack_of_the_guide_has_its_test() -> None:
    guide = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", guide))
    assert len(named) >= 20
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    }
    assert named - written == set()
