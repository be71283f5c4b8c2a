"""Work in a second thread is done when the block ends, and what it raises is not lost."""

import threading

import pytest

from thawline.system.background import in_background


def test_work_goes_on_during_the_block_and_is_done_after_it() -> None:
    begun, told = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert told.wait(10)
        done.append(True)

    done: list[bool] = []
    with in_background(work):
        assert begun.wait(10)
        told.set()
    assert done == [True]


def test_what_the_work_raises_is_raised_and_an_error_of_the_block_comes_first() -> None:
    def fail() -> None:
        raise LookupError("work")

    with pytest.raises(LookupError, match="work"), in_background(fail):
        pass
    with pytest.raises(ValueError, match="block"), in_background(fail):
        raise ValueError("block")
