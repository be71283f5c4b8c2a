import pytest

from tests.faults.many_files import main


@pytest.mark.slow
def test_many_files_at_once_are_all_accounted_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--files", "20", "--seconds", "1", "--seed", "1"]) == 0, capsys.readouterr().out
    assert "all accounted for" in capsys.readouterr().out
