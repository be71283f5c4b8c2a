import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from thawline.servers.access import write_secret
from thawline.servers.processes import began
from thawline.servers.up_state import FILE, MARK, UpState, end_processes, find_up, forget_up, note_up, read_secret
from thawline.workspace import Workspace


def sleeper(mark: str, *, code: str = "") -> subprocess.Popen[bytes]:
    program = f"{code}\nimport time\nprint('ready', flush=True)\ntime.sleep(600)"
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, MARK: mark},
        start_new_session=True,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def test_only_the_processes_of_this_workspace_are_ended_stubborn_ones_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("thawline.servers.up_state.PATIENCE_S", 1.0)
    workspace = Workspace(tmp_path)
    (tmp_path / ".thawline").mkdir()
    own, other = sleeper(str(tmp_path)), sleeper(str(tmp_path / "other"))
    ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    start = "import subprocess, sys; subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])"
    stubborn = sleeper(str(tmp_path), code=f"{ignore}\n{start}")
    try:
        assert end_processes(workspace) == 3
        assert own.poll() is not None
        assert stubborn.poll() is not None
        assert other.poll() is None
        assert end_processes(workspace) == 0
    finally:
        for process in (own, other, stubborn):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # what it has started, too, which holds its output open
            process.communicate()


def test_a_note_counts_only_while_its_process_lives_and_not_for_another_of_the_same_id(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    (tmp_path / ".thawline").mkdir()
    assert find_up(workspace) is None
    state = UpState(pid=os.getpid(), began=began(), prefect_api="http://p/api", mlflow="http://m", root=str(tmp_path))
    note_up(workspace, state, "s3cr3t")
    assert find_up(workspace) == state
    assert read_secret(workspace) == "s3cr3t"
    note_up(workspace, state.model_copy(update={"began": f"{began()}0"}), "s3cr3t")
    assert find_up(workspace) is None
    note_up(workspace, state, "s3cr3t")
    forget_up(workspace)
    assert find_up(workspace) is None


def test_a_note_of_an_earlier_version_is_none(tmp_path: Path) -> None:
    (tmp_path / ".thawline").mkdir()
    note = {"pid": os.getpid(), "began_s": 1.0, "prefect_api": "http://p/api", "mlflow": "http://m"}
    (tmp_path / ".thawline" / FILE).write_text(json.dumps(note))
    assert find_up(Workspace(tmp_path)) is None


def test_the_secret_is_readable_by_the_owner_alone_at_every_moment(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_secret(tmp_path / "secret", "s3cr3t")
    finally:
        os.umask(before)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]
