"""The page of a review in a real browser: keys, a reload, undo, what it saves, a telephone, and hostile rows."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from thawline.mending.answer_files import read_answers
from thawline.page.review import render_review

EVIL = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
LABELS = ["=ham", EVIL, "spam"]
NUM_ROWS = 60


def row(number: int) -> dict[str, Any]:
    """Return a row as the page takes it."""
    return {
        "row_id": f"{number:016x}",
        "part": "test" if number == 1 else "train",
        "source": EVIL,
        "source_row": number,
        "text": f"{EVIL} {'x' * 300}\u2028{number}",
        "picture": "",
        "given": LABELS[number // 6 % 3],
        "suggested": "spam",
        "given_probability": 0.1,
        "probability": 0.8 if number else None,
        "worth": 1.0,
        "reasons": ["label looks wrong", EVIL],
        "neighbours": [{"label": EVIL, "text": EVIL}],
        "choices": LABELS,
    }


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("review") / "page.html"
    rows = [row(number) for number in range(NUM_ROWS)]
    path.write_text(render_review(name=EVIL, review="r1", labels=LABELS, rows=rows, note=EVIL), encoding="utf-8")
    return path


def saved(page: Page, directory: Path) -> Path:
    """Press the key that saves and return the file."""
    with page.expect_download() as download:
        page.keyboard.press("s")
    path = directory / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_fifty_answers_by_keys_outlive_a_reload_and_come_back_as_they_were_given(shown: Page, tmp_path: Path) -> None:
    keys = ["1", "2", "3", "k", "u", "d"]
    pressed = [keys[number % 6] for number in range(50)]
    for key in pressed[:25]:
        shown.keyboard.press(key)
    shown.reload()
    expect(shown.locator("#count")).to_have_text(f"row 26 of {NUM_ROWS}, 25 answered")
    for key in pressed[25:]:
        shown.keyboard.press(key)
    lines = read_answers(saved(shown, tmp_path))
    words = {"1": LABELS[0], "2": LABELS[1], "3": LABELS[2], "u": "", "d": ""}
    wanted = [words.get(key, LABELS[number // 6 % 3]) for number, key in enumerate(pressed)]
    assert [line.label for line in lines] == wanted
    assert [line.given for line in lines] == [LABELS[number // 6 % 3] for number in range(50)]
    assert {line.answer for line in lines} == {"label", "keep", "unsure", "drop"}
    assert {(line.review, line.reasons[0]) for line in lines} == {("r1", "label looks wrong")}


def test_undo_takes_the_last_answer_back_and_a_comment_is_no_command(shown: Page, tmp_path: Path) -> None:
    shown.keyboard.press("d")
    shown.keyboard.press("z")
    expect(shown.locator("#count")).to_have_text(f"row 1 of {NUM_ROWS}, 0 answered")
    shown.keyboard.press("c")
    shown.keyboard.type('=1+1 k3d, "so"')
    shown.keyboard.press("Escape")
    shown.keyboard.press("3")
    lines = read_answers(saved(shown, tmp_path))
    assert [(line.label, line.comment) for line in lines] == [("spam", '=1+1 k3d, "so"')]


def test_the_page_fits_a_telephone_and_its_buttons_work_there(shown: Page) -> None:
    assert shown.evaluate("document.documentElement.scrollWidth") <= 400
    shown.get_by_role("button", name="3 spam").click()
    shown.locator("#drop").click()
    expect(shown.locator("#count")).to_have_text(f"row 3 of {NUM_ROWS}, 2 answered")


def test_nothing_that_rows_bring_runs(shown: Page) -> None:
    expect(shown.locator("#text")).to_contain_text("<script>document.title")
    assert shown.title() == f"Review of labels: {EVIL}"
    assert shown.locator("script").count() == 2
    assert shown.locator("img").count() == 1
