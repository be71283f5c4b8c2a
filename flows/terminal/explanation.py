"""What `thawline explain` shows: the parts of a row that move its answer most, each with a bar."""

from rich.table import Table
from rich.text import Text

from tasks.judging.explanation import Explanation, Part
from thawline.page.parts import shorten
from thawline.system.console import reply

WIDTH = 14
MAX_PART_CHARS = 30
CAUTION = (
    "Each part was hidden by itself, and the model asked again: so this model reacts, which is no cause in the world. "
    "Parts that say the same stand in for each other, and then neither seems to matter."
)


def print_explanation(found: Explanation, *, num: int, version: str) -> None:
    """Print the answer, the parts that matter most, and what to make of it."""
    output = f"{found.output:.6f}" if found.about else f"{found.output:.6g}"
    what = f"probability of {found.about} {output}" if found.about else f"estimated {output}"
    reply.print(f"row {found.row}: {found.excerpt}", markup=False)
    reply.print(f"answered {found.answer} by version {version}, {what}", style="bold", markup=False)
    if found.no_answer:
        reply.print(f"and yet no answer is given: {found.no_answer}", style="yellow", markup=False)
    shown = found.strongest(num)
    largest = max((abs(part.change) for part in shown), default=0.0)
    unit = f"for {found.about} (log-odds)" if found.about else "on the number"
    table = Table("part", unit, "", "without it", "then", box=None)
    for part in shown:
        answer = part.answer if part.answer != found.answer else ""
        output = f"{part.output:.6f}" if found.about else f"{part.output:.6g}"
        table.add_row(
            Text(shorten(part.name, MAX_PART_CHARS)), f"{part.change:+.3g}", _bar(part, largest), output, Text(answer)
        )
    reply.print(table)
    if len(found.parts) > len(shown):
        least = abs(shown[-1].change)
        reply.print(f"The other {len(found.parts) - len(shown):,} parts move it by {least:.3g} or less.", markup=False)
    reply.print(CAUTION, markup=False)


def _bar(part: Part, largest: float) -> Text:
    """Return a bar as long as the change: full and green for the class, pale and red against it."""
    length = round(WIDTH * abs(part.change) / largest) if largest else 0
    return Text(("█" if part.change > 0 else "░") * length, style="green" if part.change > 0 else "red")
