"""A workspace is made whole or not at all, beside whatever lies there, in any git repository and DVC project."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from flows import cli
from modalities import list_modalities
from modalities.images.choice import LARGE_SIDE
from models.encoders.catalogue import LITE2
from tasks.upkeep import initialise as module
from tasks.upkeep.initialise import Made, initialise, params_for
from tasks.versions.dvc_repo import add_raw_file, run_dvc, write_dvc_config
from tasks.versions.git_command import call_git, read_git_commit
from thawline.errors import DvcError, UsageError
from thawline.params.file import load_params
from thawline.workspace import Workspace

ROWS = "text,label\n" + "".join(f"a mail about subject {number},{'ab'[number % 2]}\n" for number in range(20))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a CSV of a few texts, beside whatever the test makes."""
    path = tmp_path / "mails.csv"
    path.write_text(ROWS)
    return path


def make(root: Path, data: Path) -> Made:
    return initialise(root, data, params_for(root, modality="text", columns={}))


def content(root: Path) -> dict[str, bytes]:
    """Return every file below a directory, and that of DVC and git only by name."""
    found = [path for path in sorted(root.rglob("*")) if ".git" not in path.relative_to(root).parts]
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else b"" for path in found}


def git(directory: Path, *arguments: str) -> str:
    done, said = call_git(directory, *arguments)
    assert done, said
    return said


def seen(directory: Path) -> set[str]:
    """Return the files that git would add."""
    return set(git(directory, "status", "--porcelain=v1", "--untracked-files=all", "--no-renames").split()) - {"??"}


@pytest.fixture
def without_dvc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let files be taken in without DVC, which takes two seconds."""

    def accept(workspace: Workspace, _params: object, source: Path) -> None:
        (workspace.raw / source.name).write_bytes(source.read_bytes())

    monkeypatch.setattr(module, "accept_file", accept)


IN_THE_WAY = [
    "dvc.yaml",
    "dvc.lock",
    ".dvc/config",
    ".thawline/mlflow.db",
    "data/raw/old.csv",
    "data/workspace_id",
    "data/processed/ledger.csv",
]


@pytest.mark.parametrize("name", IN_THE_WAY)
@pytest.mark.usefixtures("without_dvc")
def test_what_init_would_overwrite_is_named_and_stays(tmp_path: Path, data: Path, name: str) -> None:
    root = tmp_path / "space"
    (root / name).parent.mkdir(parents=True)
    (root / name).write_text("mine")
    before = content(root)
    with pytest.raises(UsageError, match=name.partition("/")[0] if name[0] == "." else name):
        make(root, data)
    assert content(root) == before


def broken(*_arguments: object) -> None:
    raise DvcError("it broke")


@pytest.mark.parametrize("step", ["accept_file", "write_dvc_config", "render_params", "require_seen", "hidden_by_git"])
@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.usefixtures("without_dvc")
def test_a_step_that_fails_leaves_the_directory_as_it_was(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, *, step: str, existing: bool
) -> None:
    git(tmp_path, "init")
    root = tmp_path / "deep" / "space"
    if existing:
        (root / "data").mkdir(parents=True)
        (root / "data" / "notes.txt").write_text("mine")
        (root / ".gitignore").write_text("*.log")
    before = content(tmp_path)
    monkeypatch.setattr(module, step, lambda *_given, **_named: broken())
    with pytest.raises(DvcError):
        make(root, data)
    assert content(tmp_path) == before
    monkeypatch.undo()


@pytest.mark.usefixtures("without_dvc")
def test_a_file_that_came_meanwhile_is_not_overwritten(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "space"
    root.mkdir()

    def come(_workspace: Workspace) -> None:
        (root / "params.yaml").write_text("another init was faster")

    monkeypatch.setattr(module, "write_schema", come)
    with pytest.raises(FileExistsError):
        make(root, data)
    assert content(root) == {"params.yaml": b"another init was faster"}


@pytest.mark.usefixtures("without_dvc")
def test_an_existing_gitignore_keeps_its_lines_and_gets_what_is_missing(tmp_path: Path, data: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text("*.log\n/reports/")
    make(tmp_path / ".", data)
    lines = (tmp_path / ".gitignore").read_text().splitlines()
    assert lines[:2] == ["*.log", "/reports/"]
    assert lines.count("/reports/") == 1
    assert {"/.thawline/", "/data/processed/"} <= set(lines)


HIDING = {"data": "data/", "tables": "*.csv\n*.json\n*.yaml", "all but code": "*.*\n!*.py", "of DVC": "*.dvc\ndvc.lock"}


@pytest.mark.parametrize("rules", HIDING)
@pytest.mark.usefixtures("without_dvc")
def test_rules_of_the_repository_hide_nothing_that_is_committed(tmp_path: Path, data: Path, rules: str) -> None:
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text(HIDING[rules] + "\n")
    root = tmp_path / "team" / "space"
    made = make(root, data)
    assert made.remarks
    for name in ("dvc.lock", "data/raw/mails.csv.dvc", "data/versions/1.json", "data/processed/ledger.csv", "x.csv"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    found = {name.removeprefix("team/space/") for name in seen(root) if name.startswith("team/space/")}
    assert {"params.yaml", "dvc.yaml", "dvc.lock", "data/raw/mails.csv.dvc", "data/versions/1.json"} <= found
    assert not found & {"data/raw/mails.csv", "data/processed/ledger.csv"}


@pytest.mark.usefixtures("without_dvc")
def test_dvc_works_where_the_repository_ignores_data_and_below_the_project_of_somebody_else(
    tmp_path: Path, data: Path
) -> None:
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text("data/\n*.csv\n")
    write_dvc_config(Workspace(tmp_path), with_git=True)
    index, above = git(tmp_path, "ls-files", "--stage"), content(tmp_path / ".dvc")
    workspace = make(tmp_path / "space", data).workspace
    more = workspace.raw / "more.csv"
    more.write_text(ROWS)
    run_dvc(workspace, "add", "data/raw/more.csv")
    assert "data/raw/more.csv.dvc" in {name.removeprefix("space/") for name in seen(workspace.root)}
    assert git(tmp_path, "ls-files", "--stage") == index
    assert content(tmp_path / ".dvc").keys() == above.keys()


@pytest.mark.usefixtures("without_dvc")
def test_a_directory_that_git_ignores_has_a_dvc_without_git(tmp_path: Path, data: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text("/space/\n")
    made = make(tmp_path / "space", data)
    assert "DVC does without git" in made.remarks[-1]
    (made.workspace.raw / "more.csv").write_text(ROWS)
    run_dvc(made.workspace, "add", "data/raw/more.csv")


def test_a_failed_command_of_dvc_and_of_git_says_its_own_words(tmp_path: Path, data: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / ".gitignore").write_text("data/\n")
    write_dvc_config(Workspace(tmp_path), with_git=True)
    with pytest.raises(DvcError, match=r"(?s)mails-\w+\.csv\.dvc' is git-ignored.*git check-ignore -v"):
        add_raw_file(Workspace(tmp_path), data)
    done, said = call_git(tmp_path, "checkout", "nowhere")
    assert not done
    assert "nowhere" in said


def test_no_call_of_another_tool_silences_it() -> None:
    root = Path(__file__).resolve().parents[4]
    not_of_others = {
        "flows/services/supervision.py",  # its servers write to files of logs
        "flows/terminal/options.py",  # our own option
    }
    sources = {
        str(path.relative_to(root)): path.read_text()
        for room in ("tasks", "flows", "thawline")
        for path in (root / room).rglob("*.py")
    }
    words = ('"-q"', '"--quiet"', "DEVNULL")
    assert {name for name, text in sources.items() if any(word in text for word in words)} == not_of_others


def test_git_that_is_not_installed_is_no_obstacle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done, said = call_git(tmp_path, "status")
    assert not done
    assert "git can't be started" in said
    assert read_git_commit(tmp_path) is None


def init_here(monkeypatch: pytest.MonkeyPatch, root: Path, data: Path, *arguments: str) -> int:
    """Run `thawline init` in this process; return its exit code."""
    monkeypatch.setattr("sys.argv", ["thawline", "init", str(root), "--data", str(data), *arguments])
    with pytest.raises(SystemExit) as left:
        cli.main()
    return int(left.value.code or 0)


def rows_of(modality: str, directory: Path) -> Path:
    """Write twelve rows of a modality, images below folders of splits."""
    if modality != "image":
        path = directory / "rows.csv"
        path.write_text(
            "text,label\n" + "".join(f"{number},{'cat' if number % 3 else 'dog'}\n" for number in range(12))
        )
        return path
    for number in range(12):
        folder = directory / "rows" / ("train" if number % 2 else "test") / ("cat" if number % 3 else "dog")
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (20 * number, 0, 0)).save(folder / f"{number}.png")
    return directory / "rows"


@pytest.mark.parametrize("modality", list_modalities())
@pytest.mark.usefixtures("without_dvc")
def test_init_prints_the_labels_found_with_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], modality: str
) -> None:
    monkeypatch.setattr(module, "accept_file", lambda *_given: None)
    data = rows_of(modality, tmp_path)
    assert init_here(monkeypatch, tmp_path / "space", data, "--modality", modality) == 0
    assert "2 labels: cat 8, dog 4" in capsys.readouterr().err


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16"])
@pytest.mark.usefixtures("without_dvc")
def test_a_first_file_that_is_no_utf_8_is_read_and_its_encoding_told_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], encoding: str
) -> None:
    data = tmp_path / "mails.csv"
    data.write_bytes(ROWS.replace("mail", "café").encode(encoding))
    assert init_here(monkeypatch, tmp_path / "space", data) == 0
    told = " ".join(capsys.readouterr().err.split())
    assert encoding in told
    assert ("'café'" in told) == (encoding == "cp1252")
    kept = load_params(Workspace(tmp_path / "space")).ingest.encoding
    assert kept == ("cp1252" if encoding == "cp1252" else "utf-8")  # a mark is believed file by file


@pytest.mark.usefixtures("without_dvc")
def test_init_takes_any_param_and_an_encoding_that_is_given_is_not_guessed(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data.write_bytes(ROWS.replace("mail", "café").encode("cp1252"))
    given = ["--set=ingest.encoding=latin-1", "--set=split.test_share=0.3", "--set=train.policy=full"]
    assert init_here(monkeypatch, tmp_path / "space", data, *given) == 0
    params = load_params(Workspace(tmp_path / "space"))
    assert (params.ingest.encoding, params.split.test_share, params.train.policy) == ("latin-1", 0.3, "full")
    assert init_here(monkeypatch, tmp_path / "other", data, "--set=ingest.encoding=utf-8") == 3
    assert init_here(monkeypatch, tmp_path / "other", data, "--set=split.tset_share=0.3") == 2
    assert "did you mean 'split.test_share'" in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "other").exists()


@pytest.mark.usefixtures("without_dvc")
def test_input_sizes_follow_from_the_rows_unless_they_are_given(tmp_path: Path, data: Path) -> None:
    data.write_text(
        "text,label\n" + "".join(f"{'many words ' * 75}{number},{'ab'[number % 2]}\n" for number in range(9))
    )
    made = make(tmp_path / "own", data)
    assert load_params(made.workspace).model.max_tokens == 192
    assert any("model.max_tokens is 192" in remark for remark in made.remarks)
    params = params_for(tmp_path / "given", modality="text", columns={}, overrides=["model.max_tokens=32"])
    made = initialise(tmp_path / "given", data, params)
    assert load_params(made.workspace).model.max_tokens == 32
    assert not any("max_tokens" in remark for remark in made.remarks)


@pytest.mark.usefixtures("without_dvc")
@pytest.mark.parametrize(
    ("kind", "more", "given", "pooling"),
    [
        ("qwen3", {}, [], "last_token"),
        ("qwen3", {}, ["model.pooling=mean"], "mean"),
        ("gemma3_text", {"use_bidirectional_attention": True}, [], "all_layers"),
        ("bert", {}, [], "all_layers"),
    ],
)
def test_a_decoder_is_read_at_its_last_token_unless_a_pooling_is_given(
    tmp_path: Path, data: Path, *, kind: str, more: dict[str, bool], given: list[str], pooling: str
) -> None:
    (tmp_path / "encoder").mkdir()
    (tmp_path / "encoder" / "config.json").write_text(json.dumps({"model_type": kind, **more}))
    overrides = [f"model.encoder={tmp_path / 'encoder'}", *given]
    made = initialise(
        tmp_path / "space", data, params_for(tmp_path / "space", modality="text", columns={}, overrides=overrides)
    )
    assert load_params(made.workspace).model.pooling == pooling
    said = "model.pooling is 'last_token': the encoder is a decoder"
    assert any(said in remark for remark in made.remarks) == (pooling == "last_token")


@pytest.mark.usefixtures("without_dvc")
@pytest.mark.parametrize(("given", "pooling"), [([], "grid"), (["model.pooling=all_layers"], "all_layers")])
def test_small_images_are_seen_in_places_unless_a_pooling_is_given(
    tmp_path: Path, given: list[str], pooling: str
) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as images:
        for label in "ab":
            with images.open(f"{label}/one.png", "w") as stream:
                Image.new("L", (28, 28), ord(label)).save(stream, "PNG")
    params = params_for(tmp_path / "space", modality="image", columns={}, overrides=given)
    made = initialise(tmp_path / "space", tmp_path / "images.zip", params)
    assert load_params(made.workspace).model.pooling == pooling
    assert any("model.pooling is grid" in remark for remark in made.remarks) == (pooling == "grid")


@pytest.mark.usefixtures("without_dvc")
@pytest.mark.parametrize(
    ("given", "chosen"),
    [
        ({}, (LITE2.encoder, LARGE_SIDE, "squeeze")),
        ({"image_size": 96}, (LITE2.encoder, 96, "squeeze")),
        ({"encoder": "auto"}, ("auto", None, "squeeze")),
        ({"image_fit": "crop"}, (LITE2.encoder, LARGE_SIDE, "crop")),
    ],
    ids=["nothing", "size", "encoder", "fit"],
)
def test_each_of_encoder_side_and_shape_is_chosen_but_where_it_is_given(
    tmp_path: Path, given: dict[str, Any], chosen: tuple[str, int | None, str]
) -> None:
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as images:
        for label in "ab":
            with images.open(f"{label}/one.png", "w") as stream:
                Image.new("L", (400, 150), ord(label)).save(stream, "PNG")
    overrides = [f"model.{name}={value}" for name, value in given.items()]
    params = params_for(tmp_path / "space", modality="image", columns={}, overrides=overrides)
    made = initialise(tmp_path / "space", tmp_path / "images.zip", params)
    model = load_params(made.workspace).model
    assert (model.encoder, model.image_size, model.image_fit) == chosen
    told = {remark.partition(" is ")[0].removeprefix("model.") for remark in made.remarks}
    assert told == {"encoder", "image_size", "image_fit"} - given.keys()
