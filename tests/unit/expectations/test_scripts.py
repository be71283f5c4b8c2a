"""The script of a text is that of most of its letters."""

import pytest

pytest.importorskip("great_expectations")

from expectations.text.scripts import main_script


@pytest.mark.parametrize(
    ("text", "script"),
    [
        ("hello", "LATIN"),
        ("Größe", "LATIN"),
        ("привет world привет", "CYRILLIC"),
        ("مرحبا", "ARABIC"),
        ("今日はコーヒー", "CJK"),
        ("你好", "CJK"),
        ("नमस्ते", "DEVANAGARI"),
        ("12:30 €!", ""),
        ("", ""),
    ],
)
def test_the_main_script_is_told(text: str, script: str) -> None:
    assert main_script(text) == script
