"""The house stays one that a newcomer knows in a minute: full rooms, long files and circles are refused."""

import pytest

from bench.house import MAX_FILES, MAX_LINES, ONE_FILE_EACH, ROOT, House, find_circles, look_at


@pytest.fixture(scope="module")
def house() -> House:
    return look_at(ROOT)


def test_no_room_is_fuller_than_one_can_overlook(house: House) -> None:
    full = {name: number for name, number in house.files.items() if number > MAX_FILES and name not in ONE_FILE_EACH}
    assert full == {}


def test_no_file_grows_long(house: House) -> None:
    assert {name: number for name, number in house.lines.items() if number > MAX_LINES} == {}


def test_nothing_imports_itself_by_way_of_others(house: House) -> None:
    assert house.circles == []
    assert house.room_circles == []


def test_every_room_says_what_it_is_for(house: House) -> None:
    for folder in house.files:
        text = (ROOT / folder / "__init__.py").read_text()
        assert text.startswith('"""')
        assert len(text) > 30, folder


def test_a_circle_is_found() -> None:
    assert find_circles({("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")}) == [["a", "b", "c"]]
    assert find_circles({("a", "b"), ("b", "c")}) == []
