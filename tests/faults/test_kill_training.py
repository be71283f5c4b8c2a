import subprocess

import pytest
from session import ROOT, programs


@pytest.mark.slow
def test_a_training_killed_at_random_moments_of_all_phases_ends_with_the_same_bits():
    program = [programs() / "python", "-m", "tests.faults.kill_training", "--kills", "6", "--seed", "1"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("same bits") == 6
    assert "6 kills, 0 ended differently" in done.stdout
