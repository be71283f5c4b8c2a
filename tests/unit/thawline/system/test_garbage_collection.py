"""The collector is as it was after imports, and leaves what they made alone."""

import gc
import subprocess
import sys
from collections.abc import Iterator

import pytest

from thawline.system.garbage_collection import YOUNG_OBJECTS, importing


@pytest.fixture(autouse=True)
def _thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_imports_are_hardly_interrupted_and_then_left_alone() -> None:
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    with importing():
        assert gc.get_threshold()[0] == YOUNG_OBJECTS
        made = [[] for _ in range(1000)]
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() >= frozen + len(made)


def test_an_import_that_fails_leaves_the_collector_as_it_was() -> None:
    before = gc.get_threshold()
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.get_threshold() == before


def test_all_that_is_registered_for_the_end_still_happens() -> None:
    program = (
        "import atexit, gc\nfrom thawline.system.garbage_collection import end_at_once\n"
        "atexit.register(lambda: print('last', gc.get_freeze_count() > 1000))\n"
        "end_at_once()\natexit.register(lambda: print('first'))\nprint('work')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["work", "first", "last True"]
