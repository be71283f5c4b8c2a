import subprocess

import pytest
from session import ROOT, programs


@pytest.mark.slow
def test_a_search_killed_at_random_moments_ends_with_the_same_trials():
    program = [programs() / "python", "-m", "tests.faults.kill_study", "--kills", "3", "--seed", "1", "--trials", "16"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 kills, 0 searches ended differently" in done.stdout
