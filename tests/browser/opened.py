"""A real browser for tests."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

OPTIONS = ["--no-sandbox", "--disable-background-networking", "--disable-gpu"]


@contextmanager
def browser() -> Iterator[Browser]:
    """Yield a Chromium that shows nothing, for the time of the block."""
    chromium = shutil.which("chromium")
    assert chromium, "the browser tests need chromium on PATH"
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=OPTIONS)
        yield opened
        opened.close()
