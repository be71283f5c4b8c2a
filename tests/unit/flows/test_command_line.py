"""What the command line does before any command."""

import os

import pytest

from flows import cli


def test_what_commands_write_is_readable_by_its_owner_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    masks: list[int] = []
    monkeypatch.setattr(os, "umask", masks.append)
    monkeypatch.setattr("sys.argv", ["thawline", "params", "no-such-section"])
    with pytest.raises(SystemExit) as left:
        cli.main()
    assert left.value.code == 2
    assert masks == [0o077]
