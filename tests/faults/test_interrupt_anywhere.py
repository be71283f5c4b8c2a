"""Ctrl-C where it hurt most: while DVC works, and a server of ours is still to be told how it ended."""

import socket
import time
from pathlib import Path

import pytest

from tasks.versions.dvc_repo import run_dvc
from tests.faults.interrupt_anywhere import find_faults, interrupt, start_program
from thawline.workspace import Workspace

STAGE = "stages: {ingest: {cmd: 'touch begun; sleep 120'}}"
COMMAND = """
import signal, sys, urllib.request
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)
from flows import cli
from tasks.versions.dvc_repo import run_dvc
from thawline.servers.tied import TiedProcess
from thawline.workspace import Workspace
def work():
    server = TiedProcess(["http.server", "--bind", "127.0.0.1", sys.argv[2]])
    try:
        run_dvc(Workspace(Path(sys.argv[1])), "repro")
    finally:
        print("told:", urllib.request.urlopen(f"http://127.0.0.1:{sys.argv[2]}/").status, flush=True)
cli.app = work
cli.main()
"""


@pytest.mark.parametrize("how", ["int", "term"])
def test_a_command_ends_within_five_seconds_while_dvc_works_and_nothing_goes_on(tmp_path: Path, how: str) -> None:
    space, log = tmp_path / "space", tmp_path / "log.txt"
    space.mkdir()
    run_dvc(Workspace(space), "init", "-q", "--no-scm")
    (space / "dvc.yaml").write_text(STAGE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = start_program(COMMAND, [str(space), str(port)], space, log)
    while process.poll() is None and not (space / "begun").exists():
        time.sleep(0.05)
    ended = interrupt(process, how, space, log, patience_s=30)
    assert find_faults(ended, how) == [], ended.told
    assert "told: 200" in ended.told
