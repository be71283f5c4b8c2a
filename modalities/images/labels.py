"""Which folder of a tree of images says what is on them: not that of a split, of a year, nor one above all.

A level is all folders at one depth. One whose names are those of splits or dates is no label, and that is said; where
two levels could be labels, as cameras above classes or classes above cameras, nothing here can know it: it is refused.
"""

import re
from collections.abc import Sequence

from thawline.errors import UnreadableFileError

SPLIT = re.compile(
    r"(train|training|test|testing|val|valid|validation|dev|development|eval|evaluation|hold-?out)"
    r"([ _-]?(set|data|images|split|\d+))?|fold[ _-]?\d+",
    re.IGNORECASE,
)
DATE = re.compile(r"(19|20)\d\d([-_.]?(0[1-9]|1[0-2])([-_.]?\d\d)?)?")
MAX_NAMED = 5

Folders = Sequence[tuple[str, ...]]


def labels_of(folders: Folders, *, source: object) -> tuple[list[str | None], list[str]]:
    """Return the label of each image, None where it lies beside the labels' folders, and what a person should know.

    Args:
        folders: Of each image the folders that it lies in, from the root down.
        source: Named in messages.

    Raises:
        UnreadableFileError: The labels can't be told, or there are only folders of splits.
    """
    levels = [_names(folders, depth) for depth in range(max(map(len, folders), default=0))]
    passed = [depth for depth, names in enumerate(levels) if _all_match(SPLIT, names)]
    dated = [depth for depth, names in enumerate(levels) if _all_match(DATE, names)]
    if len(passed) + len(dated) < len(levels):
        passed += dated  # otherwise dates are all there is: decades may be what is learned
    rest = [depth for depth in range(len(levels)) if depth not in passed]
    if levels and not rest:
        raise UnreadableFileError(
            f"{source}: the only folders are {_listed(levels[passed[-1]])}, which are names of splits, not of labels; "
            "put each label's images into a folder of its own, or hand over a manifest: a table of paths and labels"
        )
    rest = _below_what_all_share(folders, rest)
    if not rest:
        return [None] * len(folders), []
    _require_one_meaning(folders, rest, source)
    remarks = [_remark(levels[depth]) for depth in sorted(passed) if len(levels[depth]) > 1]
    if len(rest) > 1:
        below = _listed(levels[rest[1]])
        remarks.append(f"folders below the labels' ({below}) count as part of their label")
    return [each[rest[0]] if len(each) > rest[0] else None for each in folders], remarks


def _names(folders: Folders, depth: int) -> list[str]:
    return sorted({each[depth] for each in folders if len(each) > depth})


def _all_match(pattern: re.Pattern[str], names: Sequence[str]) -> bool:
    return all(pattern.fullmatch(name) for name in names)


def _below_what_all_share(folders: Folders, depths: list[int]) -> list[int]:
    """Leave out leading levels of one folder that holds folders only, such as the one that was zipped."""
    while len(depths) > 1 and len(_names(folders, depths[0])) == 1 and min(map(len, folders)) > depths[1]:
        depths = depths[1:]
    return depths


def _require_one_meaning(folders: Folders, depths: list[int], source: object) -> None:
    """Refuse two levels that could both be labels: names of the lower one come again below those of the upper one."""
    if len(depths) == 1:
        return
    above: dict[str, set[str]] = {}
    for each in folders:
        if len(each) > depths[1]:
            above.setdefault(each[depths[1]], set()).add(each[depths[0]])
    again = [name for name in sorted(above) if len(above[name]) > 1]
    upper = _names(folders, depths[0])
    splits = [name for name in upper if SPLIT.fullmatch(name)]
    if again:
        why = f"{_listed(again)} come again in several of the upper folders"
    elif splits:
        why = f"{_listed(splits)} are names of splits, others beside them are not"
    else:
        return
    raise UnreadableFileError(
        f"{source}: are the labels {_listed(upper)}, or {_listed(sorted(above))} below? {why}, so that one level may "
        "be splits, years or cameras; put all images of a label into one folder, or hand over the upper folders one by "
        "one (the first by `thawline init`, others by `thawline arrive`), or a manifest: a table of paths and labels"
    )


def _remark(names: Sequence[str]) -> str:
    if _all_match(SPLIT, names):
        return f"folders {_listed(names)} are splits, no labels: all their images are taken, and parted anew"
    return f"folders {_listed(names)} are dates, no labels"


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return ", ".join(names[:MAX_NAMED]) + more
