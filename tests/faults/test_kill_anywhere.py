import subprocess

import pytest
from session import ROOT, programs


@pytest.mark.slow
def test_arrivals_converge_whether_the_flow_or_the_prefect_server_is_killed() -> None:
    aims = ["--kills=2", "--flows", "arrive", "--seed=1"]
    program = [programs() / "python", "-m", "tests.faults.kill_anywhere", *aims]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kills, 0 hung: nothing lost or doubled" in done.stdout
