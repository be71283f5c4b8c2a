"""Every mistake of a user gets the value, the rule and the remedy, an exit code, and costs nothing."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from line import change_params, make_workspace, run_thawline
from session import free_port

from flows import cli

pytestmark = pytest.mark.xdist_group("bad input")


@pytest.fixture(scope="module")
def space(tmp_path_factory: pytest.TempPathFactory, mails: Path) -> Path:
    return make_workspace(tmp_path_factory.mktemp("bad") / "space", mails)


def run_here(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command line in this process; return its exit code and what it told."""
    monkeypatch.setattr("sys.argv", ["thawline", *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0), capsys.readouterr().err


def table(**columns: list[object]) -> Callable[[Path], Path]:
    def write(directory: Path) -> Path:
        path = directory / "file.csv"
        pd.DataFrame(columns).to_csv(path, index=False)
        return path

    return write


def content(data: bytes, name: str = "file.csv") -> Callable[[Path], Path]:
    def write(directory: Path) -> Path:
        (directory / name).write_bytes(data)
        return directory / name

    return write


TEXTS = [f"a mail about subject {number}" for number in range(100)]

FILES = [
    pytest.param(lambda directory: directory / "none.csv", 3, "none.csv", id="missing file"),
    pytest.param(content(b""), 3, "empty", id="empty file"),
    pytest.param(table(text=TEXTS, lable=["a", "b"] * 50), 3, "did you mean 'lable'", id="no label column"),
    pytest.param(table(text=TEXTS, label=["a"] * 100), 0, "New: 'a'", id="one class only, and a new one"),
    pytest.param(table(text=TEXTS, label=["ham"] * 97 + ["spam"] * 3), 0, "Jensen-Shannon", id="few of a class"),
    pytest.param(table(text=TEXTS, label=["a", "b"] * 50), 0, "2 labels: a 50, b 50", id="labels are told"),
    pytest.param(table(text=[None] * 100, label=["a", "b"] * 50), 3, "missing", id="all texts missing"),
    pytest.param(content("text,label\ngrüße,a\n".encode("latin-1")), 3, "ingest.encoding", id="wrong encoding"),
    pytest.param(content(b"text,label\na,b\nc,d,e\n"), 3, "line 3", id="ragged CSV"),
    pytest.param(content(b"text,label,text\na,b,c\n"), 3, "text", id="duplicate column names"),
    pytest.param(content(b"text,label\na,b\n", "file.docx"), 3, ".csv", id="unknown format"),
]


@pytest.mark.parametrize(("make", "code", "told"), FILES)
def test_a_bad_file_is_refused_by_name_and_left_where_it_was(
    make: Callable[[Path], Path],
    code: int,
    told: str,
    *,
    space: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = make(tmp_path)
    before = path.read_bytes() if path.exists() else None
    exit_code, message = run_here(monkeypatch, capsys, "check", str(path), "--workspace", str(space))
    assert exit_code == code
    assert told in message
    assert "Traceback" not in message
    assert (path.read_bytes() if path.exists() else None) == before


USAGE = [
    pytest.param(["run", "--set", "train.polcy=full"], "did you mean 'train.policy'", id="unknown param"),
    pytest.param(["run", "--set", "split.num_folds=1"], "greater than or equal to 2", id="param out of bounds"),
    pytest.param(["show", "nothing"], "thawline runs", id="unknown run"),
    pytest.param(["predict", "mails.csv", "--alias", "nobody"], "nobody", id="unknown alias"),
    pytest.param(["params", "trian"], "trian", id="unknown section"),
]


@pytest.mark.parametrize(("arguments", "told"), USAGE)
def test_wrong_usage_exits_2_with_the_remedy(
    arguments: list[str],
    told: str,
    *,
    space: Path,
    mails: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    arguments = [str(mails) if item == "mails.csv" else item for item in arguments]
    place = [] if arguments[0] == "params" else ["--workspace", str(space)]
    exit_code, message = run_here(monkeypatch, capsys, *arguments, *place)
    assert exit_code == 2
    assert told in message


def test_outside_a_workspace_the_message_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    exit_code, message = run_here(monkeypatch, capsys, "run", "--workspace", str(tmp_path))
    assert exit_code == 2
    assert "thawline init" in message


def test_init_makes_nothing_from_a_file_that_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file.csv").write_text("text,label\na,b,c\n")
    exit_code, _ = run_here(monkeypatch, capsys, "init", str(tmp_path / "space"), "--data", str(tmp_path / "file.csv"))
    assert exit_code == 3
    assert not (tmp_path / "space").exists()


@pytest.mark.slow
def test_an_unreachable_mlflow_server_is_said_before_anything_is_trained(space: Path) -> None:
    uri = f"http://127.0.0.1:{free_port()}"
    outcome = run_thawline("run", cwd=space, environment={"MLFLOW_TRACKING_URI": uri})
    assert outcome.code == 1
    assert uri in outcome.json["error"]
    assert "Traceback" not in outcome.told


@pytest.mark.slow
def test_an_encoder_that_is_not_there_exits_2_and_names_the_three_forms(tmp_path: Path, mails: Path) -> None:
    directory = make_workspace(tmp_path / "space", mails)
    change_params(directory, {"model": {"encoder": "package:no_such_package/model"}})
    outcome = run_thawline("run", cwd=directory)
    assert outcome.code == 2
    assert "no_such_package" in outcome.json["error"]
    assert "hub id" in outcome.json["error"]


@pytest.mark.slow
def test_a_second_run_at_the_same_time_is_told_who_holds_the_workspace(space: Path) -> None:
    from thawline.system.lock import lock_workspace
    from thawline.workspace import Workspace

    with lock_workspace(Workspace(space), "training"):
        outcome = run_thawline("run", cwd=space)
    assert outcome.code == 1
    assert "one training at a time" in outcome.json["error"]
