"""A page of ours in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.browser.opened import browser


@pytest.fixture
def shown(page_file: Path) -> Iterator[Page]:
    """Open the page in Chromium, 400 pixels wide."""
    with browser() as opened:
        page = opened.new_page(viewport={"width": 400, "height": 900})
        page.goto(page_file.as_uri())
        yield page
