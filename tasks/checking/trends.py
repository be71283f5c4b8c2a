"""The page of trends: what each check found on the versions of the data, with its limit, and where all runs are."""

from collections.abc import Sequence
from itertools import count

from markupsafe import Markup

from expectations.history import Validation, read_history
from expectations.pages import title_of
from expectations.report import Check
from thawline.page.charts import table
from thawline.page.parts import Panel, Section, Tone, shorten
from thawline.page.parts import count as counted
from thawline.page.render import Head, render_sections
from thawline.page.trend import trend
from thawline.system.files import write_atomically
from thawline.workspace import Workspace

PAGE = "validation_history.html"
DATA_DOCS = "data_docs"
INDEX = f"{DATA_DOCS}/index.html"
TITLES = {"raw": "Accepted files", "processed": "Train and test rows", "arrival": "Files as they arrived"}
NUM_VERSIONS = 30

Key = tuple[str, str | None, int]
Series = list[tuple[Validation, Check]]


def write_trends(workspace: Workspace, name: str) -> None:
    """Write reports/validation_history.html from the workspace's history of validations.

    Raises:
        StorageError: No permission, or the disk is full.
    """
    write_atomically(workspace.reports / PAGE, render_trends(read_history(workspace.validations), name).encode())


def render_trends(history: Sequence[Validation], name: str) -> str:
    """Return the page: a section a suite, in it the checks that fail, then those that move, then the others.

    Args:
        history: All validations, the oldest first; of several of one version the newest counts.
        name: Of the classifier.
    """
    sections, num_versions = [], 0
    for suite, title in TITLES.items():
        newest = {each.version: each for each in history if each.suite == suite}
        shown = sorted(newest.values(), key=lambda each: each.made)[-NUM_VERSIONS:]
        num_versions = max(num_versions, len(newest))
        if shown:
            sections.append(_section(suite, title, shown))
    about = "What each check found on the versions of the data, the oldest on the left; dashed is its limit."
    facts = (("validations kept", f"{len(history):,}"), ("versions of a suite, at most", f"{num_versions:,}"))
    return render_sections(Head(f"Validation history: {name}", about, facts), sections)


def _section(suite: str, title: str, shown: Sequence[Validation]) -> Section:
    drawn: list[tuple[int, Panel]] = []
    steady: list[Check] = []
    for series in _series(shown).values():
        last = series[-1][1]
        values = {check.value for _, check in series}
        if all(_is_number(check.value) for _, check in series) and (len(values) > 1 or not last.passed):
            drawn.append((_rank(last), _panel(series)))
        else:
            steady.append(last)
    panels = [_versions(shown), *(panel for _, panel in sorted(drawn, key=lambda each: each[0]))]
    if steady:
        panels.append(_steady(steady, len(shown)))
    return Section(suite, title, tuple(panels))


def _series(shown: Sequence[Validation]) -> dict[Key, Series]:
    """Return what each check found, by its name, its column, and which of several alike it is."""
    found: dict[Key, Series] = {}
    for validation in shown:
        places: dict[tuple[str, str | None], count[int]] = {}
        for check in validation.checks:
            kind = check.name, check.column
            found.setdefault((*kind, next(places.setdefault(kind, count()))), []).append((validation, check))
    return found


def _panel(series: Series) -> Panel:
    last = series[-1][1]
    values = [float(check.value) for _, check in series if check.value is not None]
    limits = [
        float(limit) if isinstance(limit, int | float) else None for limit in (check.limit for _, check in series)
    ]
    title = title_of(last.name) + (f": {shorten(last.column)}" if last.column else "")
    names = [validation.version for validation, _ in series]
    picture = trend(values, limits, [check.passed for _, check in series], names=names, title=title)
    return Panel(title, shorten(last.message, 300), _tone(last), (picture,))


def _versions(shown: Sequence[Validation]) -> Panel:
    lines = [
        (each.version, f"{each.made.astimezone():%Y-%m-%d %H:%M}", f"{each.rows:,}", *_counts(each.checks))
        for each in reversed(shown)
    ]
    link = Markup('<p><a href="{}">All runs in Great Expectations\' Data Docs</a></p>').format(INDEX)
    head = ("Version", "Checked", "Rows", "Passed", "Critical", "Warnings")
    pictures = (table(head, lines, numeric=(2, 3, 4, 5)), link)
    return Panel("Versions", f"{counted(len(shown), 'version')}, the newest first.", "plain", pictures, is_wide=True)


def _steady(checks: Sequence[Check], num_versions: int) -> Panel:
    lines = [
        (title_of(check.name), shorten(check.column or "(table)"), shorten(check.value), shorten(check.limit))
        for check in checks
    ]
    says = "These found the same on each version." if num_versions > 1 else "More versions will show what moves."
    tone: Tone = "plain" if all(check.passed for check in checks) else "warn"
    head = ("Check", "Column", "Value", "Limit")
    return Panel("Checks without a trend", says, tone, (table(head, lines, numeric=(2, 3)),), is_wide=True)


def _counts(checks: Sequence[Check]) -> tuple[int, int, int]:
    failed = [check.severity for check in checks if not check.passed]
    return len(checks) - len(failed), failed.count("critical"), failed.count("warning")


def _tone(check: Check) -> Tone:
    return "good" if check.passed else "bad" if check.severity == "critical" else "warn"


def _rank(check: Check) -> int:
    return ("bad", "warn", "good").index(_tone(check))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
