"""A champion's periods on a terminal."""

from rich.table import Column, Table
from rich.text import Text

from tasks.judging.watching import Champion
from thawline.system.console import reply
from thawline.watching.periods import MIN_ROWS, Period

COLUMNS = ("vectors", "columns", "answers")


def print_champion(champion: Champion, *, limit: int) -> None:
    """Print the last periods, then what the last judged one raises."""
    title = f"Version {champion.version}, compared with its answers to {champion.num_reference:,} test rows"
    if champion.accuracy is not None:
        title += f" (accuracy {champion.accuracy:.3f})"
    heads = [Column(name, justify="right") for name in ("rows", "of answered", "expected", *COLUMNS)]
    table = Table("period (UTC)", *heads, "", title=title, title_justify="left", box=None)
    for period in champion.periods[-limit:]:
        table.add_row(*map(Text, _cells(period)), Text(_verdict(period), style="red" if period.alarms else ""))
    if champion.periods:
        reply.print(table)
    else:
        reply.print(f"{title}: nothing of its answers is kept yet", markup=False)
    for alarm in champion.alarms:
        reply.print(alarm, style="red", markup=False)


def _cells(period: Period) -> list[str]:
    days = f"{period.first}" if period.first == period.last else f"{period.first} to {period.last}"
    found = {one.finding.what: f"{one.finding.value:.3f}" for one in reversed(period.judged)}  # that of the test rows
    expected = "-" if period.expected is None else "{:.3f} ({:.3f} to {:.3f})".format(*period.expected)
    return [days, f"{period.num_rows:,}", f"{period.num_seen:,}", expected, *(found.get(name, "-") for name in COLUMNS)]


def _verdict(period: Period) -> str:
    if not period.judged:
        return f"fewer than {MIN_ROWS} rows"
    return ", ".join(dict.fromkeys(one.finding.about or one.finding.what for one in period.alarms)) or "calm"
