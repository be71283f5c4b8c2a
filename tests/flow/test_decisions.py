"""A person's decisions about the champion, and a run made again, from the command line."""

import json
import shutil

import pytest
from line import Finished, run_thawline

from tasks.versions.stage_outputs import NOTE, cached
from thawline.workspace import Workspace

pytestmark = pytest.mark.slow


def test_a_run_is_reproduced_to_the_last_digit_though_the_data_has_changed_since_and_its_rows_were_pruned(
    finished: Finished,
) -> None:
    workspace = Workspace(finished.directory)
    noted = json.loads((workspace.state / NOTE).read_bytes())
    pruned = {path: path.rename(path.with_suffix(".pruned")) for path in (cached(workspace, md5) for md5 in noted)}
    raw = finished.directory / "data" / "raw"
    kept = raw.rename(raw.with_name("kept"))
    raw.mkdir()
    (raw / "other.csv").write_text("text,label\nsomething else,ham\n", encoding="utf-8")
    try:
        again = run_thawline("reproduce", finished.first.json["run_id"][:10], cwd=finished.directory)
    finally:
        shutil.rmtree(raw)
        kept.rename(raw)
        for path, away in pruned.items():
            away.replace(path)
    assert len(pruned) == 6
    assert again.code == 0, again.told
    assert again.json["reproduced"] is True
    assert again.json["num_compared"] > 40
    assert "to the last digit" in again.told


def test_a_data_file_that_is_nowhere_is_named_before_anything_is_trained(finished: Finished) -> None:
    (path,) = (finished.directory / "data" / "raw").glob("*.csv")
    cache = finished.directory / ".dvc" / "cache"
    elsewhere = {away: away.rename(away.with_name("elsewhere")) for away in (path, cache)}
    try:
        lost = run_thawline("reproduce", finished.first.json["run_id"], cwd=finished.directory)
    finally:
        for place, away in elsewhere.items():
            away.rename(place)
    assert lost.code == 3
    assert path.name in lost.json["error"]


def test_promote_and_rollback_say_what_is_wrong_and_the_first_champion_stays(finished: Finished) -> None:
    back = run_thawline("rollback", "--reason", "trying", cwd=finished.directory)
    assert back.code == 2
    assert "first champion" in back.json["error"]
    again = run_thawline("promote", finished.first.json["version"], "--reason", "trying", cwd=finished.directory)
    assert again.code == 2
    assert "already" in again.json["error"]
