import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_arrivals_converge_whether_the_flow_or_the_prefect_server_is_killed() -> None:
    program = [sys.executable, "-m", "tests.faults.kill_anywhere", "--kills", "2", "--flows", "arrive", "--seed", "1"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 kills, 0 hung: nothing lost or doubled" in done.stdout
