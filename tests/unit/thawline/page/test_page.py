"""What a page is made of: nothing from data becomes markup, and a page of very much stays short."""

import numpy as np
import pytest

from thawline.page.charts import Bar, bars, heat_map, histogram, point_map, table
from thawline.page.parts import Panel, Section, count, named, number, percent, shorten
from thawline.page.plot import Scale
from thawline.page.render import Head, render_sections

EVIL = "<script>document.title='hacked'</script><img src=x onerror=alert(1)>\"'&"
LABELS = np.array([EVIL, "plain"] * 20, dtype=object)
NUMBERS = np.arange(40.0)

CHARTS = {
    "bars": lambda: bars([Bar(EVIL, (1.0, 2.0), EVIL)], legend=[EVIL, "b"]),
    "histogram": lambda: histogram(NUMBERS, LABELS, name=EVIL, order=[EVIL, "plain"]),
    "heat map": lambda: heat_map(np.eye(2), rows=[EVIL, "b"], columns=["a", EVIL], title=EVIL),
    "map": lambda: point_map(np.c_[NUMBERS, NUMBERS], LABELS, [EVIL, "plain"], axes=(EVIL, EVIL)),
    "small maps": lambda: point_map(np.c_[NUMBERS, NUMBERS], LABELS, [EVIL, *"plain words"], axes=("", "")),
    "table": lambda: table([EVIL, "b"], [(EVIL, EVIL)]),
}


@pytest.mark.parametrize("name", CHARTS)
def test_what_comes_from_data_stays_text(name: str) -> None:
    page = render_sections(Head(EVIL, EVIL, ((EVIL, EVIL),)), [_section(Panel(EVIL, EVIL, "warn", (CHARTS[name](),)))])
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;" in page


def test_what_deserves_a_look_comes_first_the_worst_on_top() -> None:
    panels = (Panel("One", "fine", "good"), Panel("Two", "odd", "warn"), Panel("Three", "wrong", "bad"))
    page = render_sections(Head("t", "a", ()), [_section(*panels)])
    listed = page[page.index("What to look at") : page.index("<nav>")]
    assert listed.index("Three") < listed.index("Two")
    assert "One" not in listed


def test_a_page_loads_nothing_from_elsewhere() -> None:
    page = render_sections(Head("t", "a", ()), [_section(Panel("One", "fine"))])
    assert "default-src 'none'" in page
    assert "http" not in page.replace("http-equiv", "")


def test_of_very_many_bars_the_first_are_drawn_and_the_rest_counted() -> None:
    chart = bars([Bar(f"name {place}", (1.0,), "") for place in range(1000)], hidden=5)
    assert chart.count("bar-name") == 20
    assert "and 985 more" in chart


def test_of_very_many_classes_the_first_have_a_colour() -> None:
    order = [f"class {place}" for place in range(1000)]
    chart = histogram(np.arange(1000.0), np.array(order, dtype=object), name="x", order=order)
    assert chart.count('class="line"') == 6
    assert "995 other classes" in chart


@pytest.mark.parametrize("values", [[np.nan, np.inf], [1.0], [5.0] * 9, [1e-300, 1e300], [-3.0, 0.0, np.nan]])
def test_any_numbers_can_be_drawn(values: list[float]) -> None:
    labels = np.array(["a"] * len(values), dtype=object)
    for is_log in (False, True):
        chart = histogram(np.array(values), labels, name="x", order=["a"], is_log=is_log)
        assert "nan" not in chart.lower()


def test_a_logarithmic_axis_has_ticks_in_a_narrow_range_too() -> None:
    for low, high in ((1.0, 1e6), (33.0, 37.0), (7.0, 7.7)):
        assert len(Scale(low, high, 0, 100, is_log=True).ticks()) > 1


SAID = {
    percent(0.0): "0 %",
    percent(1.0): "100 %",
    percent(0.9999): "100.0 %",
    percent(0.1234): "12 %",
    percent(0.012): "1.2 %",
    percent(0.0003): "0.03 %",
    number(0.0): "0",
    number(1234.5): "1,234",
    number(-0.25): "-0.25",
    number(3.1e9): "3.1e+09",
    count(1, "row"): "1 row",
    count(1200, "class", "classes"): "1,200 classes",
    shorten(" a\n b "): "a b",
    shorten("x" * 100, 5): "xxxx…",
    shorten(" "): "(empty)",
    named(["a", "b", "c", "d", "e"]): "'a', 'b', 'c' and 2 more",
}


@pytest.mark.parametrize("said", SAID)
def test_numbers_and_names_are_said_shortly(said: str) -> None:
    assert said == SAID[said]


def _section(*panels: Panel) -> Section:
    return Section("key", "Section", panels)
