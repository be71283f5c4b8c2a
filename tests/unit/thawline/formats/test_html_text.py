"""HTML becomes what a reader would see; text that only looks like HTML stays."""

import time

import pytest

from thawline.formats.html_text import html_to_text


@pytest.mark.parametrize(
    ("source", "seen"),
    [
        ("plain text", "plain text"),
        ("write to <someone@example.org>", "write to <someone@example.org>"),
        ("if 1 < 2 and 3 > 2", "if 1 < 2 and 3 > 2"),
        ("<b>bo</b>ld", "bold"),
        ("one<br>two<p class='x'>three</p>", "one two three"),
        ("<html><style>p {color: red}</style><script>alert('x')</script>hi</html>", "hi"),
        ("<SCRIPT>never closed", ""),
        ("a<!-- hidden <b> -->b", "ab"),
        ("a <!-- never closed <b>b</b>", "a <!-- never closed b"),
        ("<!DOCTYPE html><body>x</body>", "x"),
        ("Tom &amp; Jerry &lt;3", "Tom & Jerry <3"),
        ("AT&T and R&D", "AT&T and R&D"),
        ("shown <font color=red", "shown"),
        ("caf&eacute; &#233; &#xe9;", "café é é"),
    ],
)
def test_what_a_reader_sees(source: str, seen: str) -> None:
    assert " ".join(html_to_text(source).split()) == seen


@pytest.mark.parametrize("piece", ["<!--", "<b <b ", "<script>", "<a href='", "&#1", "--><!-- <b>", "<font a="])
def test_hostile_text_takes_linear_time(piece: str) -> None:
    start = time.perf_counter()
    html_to_text("<p>" + piece * 100_000)
    assert time.perf_counter() - start < 5
