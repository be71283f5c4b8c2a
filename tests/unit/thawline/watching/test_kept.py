"""Rows kept of answers: a fair draw, within bounds an hour, a day and in all."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from thawline.params.automation import Watch
from thawline.watching.kept import Draw, count_seen, keep_rows, list_days, read_days, room_left

NOON = datetime(2026, 3, 1, 12, 0, 5, tzinfo=UTC)


def rows(num: int) -> pd.DataFrame:
    return pd.DataFrame({"answer": ["a"] * num, "vector": list(np.ones((num, 3), dtype=np.float16))})


def keep(place: Path, num: int, now: datetime, **bounds: float) -> int:
    return keep_rows(place, rows(num), num_seen=2 * num, watch=Watch(sample=1, **bounds), now=now)  # type: ignore[arg-type]


def test_the_rows_drawn_are_as_likely_from_the_last_part_as_from_the_first_and_no_more_than_asked_for() -> None:
    found = []
    for seed in range(60):
        draw = Draw(0.9, 10, np.random.default_rng(seed))
        for part in range(5):
            chosen = draw.choose(20)
            draw.add(chosen, pd.DataFrame({"part": part}, index=range(len(chosen))))
        assert len(draw.rows) == 10
        assert draw.num_seen == 100
        found.append(draw.rows["part"].mean())
    assert np.mean(found) == pytest.approx(2, abs=0.2)


def test_a_share_is_drawn_where_there_is_room_for_more() -> None:
    draw = Draw(0.1, 10_000, np.random.default_rng(0))
    chosen = draw.choose(5000)
    draw.add(chosen, pd.DataFrame({"place": chosen.index}))
    assert len(draw.rows) == pytest.approx(500, abs=80)
    assert Draw(1.0, 0, np.random.default_rng(0)).choose(10).empty


def test_what_is_kept_comes_back_with_its_time_and_says_how_many_were_answered(tmp_path: Path) -> None:
    assert keep(tmp_path, 4, NOON) == 4
    assert keep(tmp_path, 3, NOON + timedelta(days=1)) == 3
    assert list_days(tmp_path) == [date(2026, 3, 1), date(2026, 3, 2)]
    back = read_days(tmp_path, [date(2026, 3, 1)])
    assert back["at"].tolist() == [pd.Timestamp("2026-03-01 12:00:05")] * 4
    assert back["vector"][0].tolist() == [1, 1, 1]
    assert count_seen(tmp_path, date(2026, 3, 2)) == 6
    assert read_days(tmp_path, [date(2026, 3, 9)]).empty


def test_an_hour_and_a_day_have_their_bounds(tmp_path: Path) -> None:
    bounds = {"max_per_hour": 5, "max_per_day": 8}
    assert keep(tmp_path, 4, NOON, **bounds) == 4
    assert keep(tmp_path, 4, NOON, **bounds) == 1
    assert keep(tmp_path, 4, NOON + timedelta(hours=1), **bounds) == 3
    assert room_left(tmp_path, Watch(sample=1, max_per_hour=5, max_per_day=8), NOON + timedelta(hours=2)) == 0
    assert keep(tmp_path, 4, NOON + timedelta(days=1), **bounds) == 4


def test_old_days_go_and_so_does_the_oldest_where_all_is_too_much(tmp_path: Path) -> None:
    for day in range(4):
        keep(tmp_path, 5, NOON + timedelta(days=day), keep_days=3)
    assert [day.day for day in list_days(tmp_path)] == [2, 3, 4]
    size = max(path.stat().st_size for path in tmp_path.rglob("*.parquet"))
    keep(tmp_path, 5, NOON + timedelta(days=4), max_mb=2.5 * size / 1e6)
    assert [day.day for day in list_days(tmp_path)] == [4, 5]
