"""What `thawline data` and `thawline quarantine` show: versions, the difference of two, and what was refused."""

from collections.abc import Sequence

from rich.markup import escape
from rich.table import Table

from tasks.arriving.quarantine import Quarantined
from thawline.rows.data_versions import Difference, Version
from thawline.system.console import reply

NUM_CLASSES = 6
NUM_EXAMPLES = 5


def print_versions(versions: Sequence[Version]) -> None:
    """Print one line a version, the oldest first."""
    if not versions:
        reply.print("no version of the data yet; `thawline run` records one once all checks pass")
        return
    table = Table("version", "date (UTC)", "rows", "train", "test", "classes", "checks", "files", "by", box=None)
    for entry in versions:
        checks = f"{entry.checks['passed']} passed"
        if entry.checks["warnings"]:
            checks += f", {entry.checks['warnings']} warned"
        table.add_row(
            entry.version,
            entry.created[:16].replace("T", " "),
            f"{entry.rows:,}",
            f"{entry.parts['train']:,}",
            f"{entry.parts['test']:,}",
            escape(_classes(entry)),
            checks,
            str(len(entry.files)),
            escape(entry.by),
        )
    reply.print(table)


def print_quarantine(files: Sequence[Quarantined]) -> None:
    """Print one line a refused or removed file, the newest last."""
    if not files:
        reply.print("nothing is in quarantine")
        return
    table = Table("file", "since (UTC)", "kB", "reason", box=None)
    for one in files:
        since = one.since[:16].replace("T", " ")
        table.add_row(escape(one.name), since, f"{one.size_bytes / 1000:,.1f}", escape(one.story[:200]))
    reply.print(table)


def print_difference(difference: Difference) -> None:
    """Print counts, examples, and the classes before and after."""
    reply.print(f"[bold]{difference.before} -> {difference.after}[/bold]")
    if difference.is_empty:
        reply.print(f"no difference: the same {difference.rows[0]:,} rows under the same labels")
        return
    for kind in ("added", "removed", "relabelled"):
        examples = difference.examples[kind][:NUM_EXAMPLES]
        count = getattr(difference, kind)
        more = ", ..." if count > len(examples) else ""
        named = f": {escape(', '.join(examples))}{more}" if examples else ""
        reply.print(f"  {count:,} {kind}[dim]{named}[/dim]")
    for change, count in difference.relabellings.items():
        reply.print(f"    {escape(change)}: {count:,}")
    for change, count in difference.moved.items():
        reply.print(f"  {count:,} moved: {change}")
    reply.print(f"  rows {_pair(difference.rows)}, different ones among them {_pair(difference.distinct_rows)}")
    table = Table("class", "rows before", "after", "share before", "after", box=None)
    for name, (before, after) in difference.classes.items():
        old, new = difference.shares(name)
        table.add_row(escape(name), f"{before:,}", f"{after:,}", f"{old:.2%}", f"{new:.2%}")
    reply.print(table)


def _classes(entry: Version) -> str:
    shown = [f"{label} {count:,}" for label, count in list(entry.classes.items())[:NUM_CLASSES]]
    more = len(entry.classes) - NUM_CLASSES
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _pair(counts: tuple[int, int]) -> str:
    return f"{counts[0]:,} -> {counts[1]:,}"
