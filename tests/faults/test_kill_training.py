import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_a_training_killed_at_random_moments_of_all_phases_ends_with_the_same_bits():
    program = [sys.executable, "-m", "tests.faults.kill_training", "--kills", "6", "--seed", "1"]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("same bits") == 6
    assert "6 kills, 0 ended differently" in done.stdout
