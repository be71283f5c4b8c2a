"""What goes is what was unused for long, and then the longest unused until the rest fits; nothing else."""

import pytest

from thawline.system.retention import Item, choose_removed, summarise

ITEMS = [
    Item(kind="steps", name="new", size_bytes=3_000_000_000, unused_days=1),
    Item(kind="steps", name="older", size_bytes=2_000_000_000, unused_days=20),
    Item(kind="logs", name="oldest", size_bytes=1_000_000_000, unused_days=40),
]


@pytest.mark.parametrize(
    ("unused_days", "max_gb", "gone"),
    [
        (30, None, ["oldest"]),
        (100, None, []),
        (0, None, ["oldest", "older", "new"]),
        (100, 5, ["oldest"]),
        (100, 4.9, ["oldest", "older"]),
        (30, 5, ["oldest"]),
        (100, 0, ["oldest", "older", "new"]),
    ],
)
def test_the_longest_unused_goes_first(unused_days: float, max_gb: float | None, gone: list[str]) -> None:
    assert [item.name for item in choose_removed(ITEMS, unused_days=unused_days, max_gb=max_gb)] == gone


def test_each_kind_is_summed_up() -> None:
    removed = choose_removed(ITEMS, unused_days=10, max_gb=None)
    assert summarise(ITEMS, removed) == [
        ("steps", 2, 5_000_000_000, 1, 2_000_000_000, "unused for 10 days"),
        ("logs", 1, 1_000_000_000, 1, 1_000_000_000, "unused for 10 days"),
    ]


def test_each_says_why_it_goes() -> None:
    removed = choose_removed(ITEMS, unused_days=30, max_gb=3.5)
    assert [(item.name, item.why) for item in removed] == [("oldest", "unused for 30 days"), ("older", "beyond 3.5 GB")]
