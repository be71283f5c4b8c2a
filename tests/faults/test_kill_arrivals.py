import subprocess

import pytest
from session import ROOT, programs


@pytest.mark.slow
def test_arrivals_killed_at_random_moments_are_neither_lost_nor_doubled():
    program = [programs() / "python", "-m", "tests.faults.kill_arrivals", "--kills", "3", "--seed", "1"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills" in done.stdout
    assert "nothing lost or doubled" in done.stdout
