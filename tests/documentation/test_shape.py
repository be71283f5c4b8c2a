"""What two runs may print differently, and what they may not; and how blocks are read."""

from pathlib import Path

import pytest

from tests.documentation.blocks import Step, find_blocks, find_spans
from tests.documentation.shape import difference

TABLE = """
 gate      value   in words
 floor     0.9664  test macro-F1 0.9664, at least
                   0.5000 wanted
"""
SAME = {
    "numbers and times": ("done in 5.7 s, 2,000 rows", "done in 61.02 s, 12 rows"),
    "addresses and paths": ("Prefect http://127.0.0.1:4200 of /srv/spam/data", "Prefect http://[::1]:9 of /tmp/x"),
    "ids": ("run 4b1f0c6a52a0", "run 00faad3c4087"),
    "blanks": (" a   b", "  a b"),
    "a cell that is wrapped elsewhere": (
        TABLE,
        " gate      value  in words\n floor     1.0000  test macro-F1 1.0000, at least 0.5 wanted",
    ),
    "lines left out": ("first\n...\nlast", "first\nsecond\nthird\nlast"),
    "the end left out": ("first\n... and so on", "first\nsecond"),
    "words left out": ("FATAL: ... does not exist", 'FATAL: database "a" does not exist'),
}
DIFFERENT = {
    "a word": ("2 rows accepted", "2 rows refused"),
    "a column more": (" gate value", " gate value limit"),
    "the order of lines": ("first\nsecond", "second\nfirst"),
    "a line more": ("first", "first\nsecond"),
    "a line less": ("first\nsecond", "first"),
    "a name with a digit": ("f1_macro", "f2_macro"),
    "a relative path": ("look at data/raw", "look at data/new"),
    "another end": ("first\n...\nlast", "first\nsecond"),
}


@pytest.mark.parametrize("case", SAME)
def test_what_may_differ_is_no_difference(case: str) -> None:
    printed, told = SAME[case]
    assert difference(printed.splitlines(), told.splitlines()) == ""


@pytest.mark.parametrize("case", DIFFERENT)
def test_what_may_not_differ_is_found(case: str) -> None:
    printed, told = DIFFERENT[case]
    assert difference(printed.splitlines(), told.splitlines())


def test_a_document_is_read_as_commands_what_they_print_and_words(tmp_path: Path) -> None:
    document = tmp_path / "a.md"
    document.write_text("Try `a b\nc`.\n\n```\n$ one\n1\n\n$ two # `x`\n```\n\n```sh\nthree \\\n  3\nfour\n```\n")
    first, second = find_blocks(document)
    assert first.steps() == [Step("one", ("1", "")), Step("two # `x`")]
    assert second.steps() == [Step("three 3"), Step("four")]
    assert (first.place, second.language) == ("a.md:5", "sh")
    assert list(find_spans(document)) == ["a b c"]
