"""What `thawline diff` shows: two runs beside each other."""

from rich.markup import escape
from rich.table import Column, Table

from flows.terminal.data_tables import print_difference
from tasks.reports.run_difference import RunDifference
from thawline.scores.comparison import CLASS_METRICS, Comparison
from thawline.system.console import reply

MAX_CELLS = 12


def print_run_difference(found: RunDifference) -> None:
    """Print params, data, scores and rows that differ."""
    reply.print(f"[bold]{found.before[:8]} -> {found.after[:8]}[/bold]")
    for run, verdict in zip((found.before, found.after), found.verdicts, strict=True):
        reply.print(f"  {run[:8]}: {escape(verdict)}")
    _print_params(found)
    counted = ", ".join(f"{name} {old:,} -> {new:,}" for name, (old, new) in found.rows.items())
    reply.print(f"data version {' -> '.join(dict.fromkeys(found.data_versions))}; rows: {counted}")
    if found.data is not None:
        print_difference(found.data)
    _print_scores(found)
    if found.comparison is not None:
        _print_comparison(found, found.comparison)
    for remark in found.remarks:
        reply.print(remark, style="yellow", markup=False)


def _print_params(found: RunDifference) -> None:
    if not found.params:
        reply.print("params: the same")
        return
    columns = [Column(name, overflow="fold") for name in (found.before[:8], found.after[:8])]
    table = Table("param", *columns, box=None)
    for name, pair in found.params.items():
        table.add_row(name, *("" if value is None else escape(value) for value in pair))
    reply.print(table)


def _print_scores(found: RunDifference) -> None:
    table = Table("score", found.before[:8], found.after[:8], "difference", box=None)
    for name, (old, new) in found.scores.items():
        change = "" if old is None or new is None else f"{new - old:+.4f}"
        table.add_row(name, *("" if value is None else f"{value:.4f}" for value in (old, new)), change)
    reply.print(table)


def _print_comparison(found: RunDifference, comparison: Comparison) -> None:
    low, high = comparison.f1_interval
    reply.print(
        f"{found.num_paired:,} training rows that both fine-tuned models answered unseen: macro-F1 "
        f"{comparison.f1_change:+.4f} ({low:+.4f} to {high:+.4f}), accuracy {comparison.accuracy_change:+.4f}; "
        f"{comparison.num_mended} rows mended, {comparison.num_broken} broken (McNemar's test: p = "
        f"{comparison.mcnemar_p:.3f})"
    )
    table = Table("class", *CLASS_METRICS, box=None)
    for name, changes in comparison.per_class.items():
        table.add_row(escape(name), *(f"{changes[metric]:+.4f}" for metric in CLASS_METRICS))
    reply.print(table)
    if found.cells:
        cells = Table("label: answer -> answer", "rows", box=None)
        for cell, count in list(found.cells.items())[:MAX_CELLS]:
            cells.add_row(escape(cell), f"{count:,}")
        reply.print(cells)
        more = len(found.cells) - MAX_CELLS
        if more > 0:
            reply.print(f"and {more} more kinds, in --json")
