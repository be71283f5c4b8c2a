"""What may be removed of what can be computed again: by age, and by the room that all of it takes. Pure.

Data, its versions and quarantine are never among it, and no run behind a registered model.
"""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict


class Item(BaseModel):
    """Something that can be removed as a whole; `unused_days` is since its latest use, or change where that is all.

    `why` says why it goes, if it does.
    """

    model_config = ConfigDict(frozen=True)

    kind: str
    name: str
    size_bytes: int
    unused_days: float
    why: str = ""


def choose_removed(items: Sequence[Item], *, unused_days: float, max_gb: float | None) -> list[Item]:
    """Return what goes: what was unused for so long, and of the rest the longest unused until it fits.

    Args:
        items: What there is.
        unused_days: What was used within this time stays, as far as there is room.
        max_gb: Room for all that stays (GB); None for any.
    """
    ordered = sorted(items, key=lambda item: (-item.unused_days, item.kind, item.name))
    left_bytes = sum(item.size_bytes for item in ordered)
    removed = []
    for item in ordered:
        is_old = item.unused_days >= unused_days
        is_too_much = max_gb is not None and left_bytes > max_gb * 1e9
        if is_old or is_too_much:
            why = f"unused for {unused_days:g} days" if is_old else f"beyond {max_gb:g} GB"
            removed.append(item.model_copy(update={"why": why}))
            left_bytes -= item.size_bytes
    return removed


def summarise(items: Sequence[Item], removed: Sequence[Item]) -> list[tuple[str, int, int, int, int, str]]:
    """Return (kind, number, bytes, number that goes, bytes that go, why) for each kind, in order of appearance."""
    kinds = list(dict.fromkeys(item.kind for item in items))
    return [
        (
            kind,
            *_count([item for item in items if item.kind == kind]),
            *_count([item for item in removed if item.kind == kind]),
            "; ".join(dict.fromkeys(item.why for item in removed if item.kind == kind)),
        )
        for kind in kinds
    ]


def _count(items: Sequence[Item]) -> tuple[int, int]:
    return len(items), sum(item.size_bytes for item in items)
