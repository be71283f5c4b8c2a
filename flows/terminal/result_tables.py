"""What the command line shows: tables on standard error, made from results alone."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.table import Column, Table

from models.encoders.catalogue import Known, is_there
from targets import get_target
from tasks.presenting.abstention import tell_abstention
from tasks.presenting.answer_rule import tell_rule
from tasks.results.outcomes import ComparedApproaches, RunResult, SuggestedRate
from tasks.upkeep.findings import Finding
from thawline.params.learning import WrittenPhase
from thawline.scores.metrics import TITLES
from thawline.system.console import reply

if TYPE_CHECKING:  # they bring torch along, which most commands do without
    from tasks.comparing.encoders import ComparedEncoders
    from tasks.upkeep.stored_activations import StoredEncoder, StoredPartition


def print_result(result: RunResult) -> None:
    """Print a run's verdict, gates, scores and where the time went."""
    main = get_target(result.target).main
    title = f"{TITLES[main]} on the folds"
    scores = Table("approach", title, title_justify="left", title="Cross-validation", box=None)
    for name, values in result.baseline.items():
        scores.add_row(name, f"{values[f'cv_{main}']:.4f} ± {values[f'cv_{main}_sd']:.4f}")
    scores.add_row("finetuned", f"{result.cv['mean']:.4f} ± {result.cv['sd']:.4f}")
    gates = Table("gate", "value", "limit", "", "in words", title="Gates", title_justify="left", box=None)
    for gate in result.gates:
        verdict = "[green]passed[/green]" if gate.passed else "[red]failed[/red]"
        gates.add_row(gate.name, f"{gate.value:.4f}", f"{gate.limit:.4f}", verdict, escape(gate.message))
    reply.print()
    reply.print(scores)
    found = (result.dependence and result.dependence.sentence(), result.mended and result.mended.sentence())
    for told in filter(None, found):
        reply.print(told, markup=False)
    if result.search is not None:
        reply.print(f"Search: {result.search.sentence()}", markup=False)
    reply.print()
    reply.print(_test_scores(result))
    reply.print()
    reply.print(gates)
    reply.print()
    reply.print(result.verdict, style="green bold" if result.promoted else "yellow bold", markup=False)
    for alarm in filter(None, [result.standing, *result.alarms]):
        reply.print(alarm, style="yellow", markup=False)
    if result.rule is not None:
        reply.print(tell_rule(result.rule), markup=False)
    if result.abstention is not None:
        reply.print(tell_abstention(result.abstention), markup=False)
    if result.onnx:
        reply.print(result.onnx, markup=False)
    held = f", {' and '.join(result.aliases)}" if result.aliases else ""
    state = "registered" if result.registered else "not registered again: same data, params and code as"
    reply.print(f"{result.model}: {state} version {result.version}{held}; run {result.run_id}")
    if result.unchanged:
        reply.print("Nothing changed since that run; `thawline run --fresh` computes it anew.")
    times = ", ".join(f"{step} {value:.0f} s" for step, value in result.seconds.items())
    reply.print(f"[dim]{times}[/dim]")
    reply.print(f"[dim]MLFLOW_TRACKING_URI={result.mlflow_uri}[/dim]", soft_wrap=True)


def print_comparison(result: ComparedApproaches) -> None:
    """Print the table approach | training time | data needed | performance, and what follows from it."""
    columns = ("approach", "training time", "data needed", "performance")
    title = "Performance: macro-F1 on held-out folds, mean over the seeds (lowest to highest)"
    table = Table(*columns, title=title, title_justify="left", box=None)
    for row in result.table:
        table.add_row(*(str(row[name]) for name in columns))
    reply.print()
    reply.print(table)
    reply.print()
    reply.print(result.recommendation, style="bold", markup=False)
    for name in result.left_out:
        reply.print(f"left out for want of time: {name}", style="yellow", markup=False)
    reply.print(f"[dim]{result.seconds:.0f} s; figures/comparison.png of MLflow run {result.run_id}[/dim]")


def print_compared_encoders(result: "ComparedEncoders") -> None:
    """Print what each encoder comes to, left frozen, and which to take."""
    title = "Encoders left frozen, the exact head on each: mean over the folds ± standard deviation"
    table = Table(title=title, title_justify="left", box=None)
    for name in result.table[0]:
        table.add_column(name, justify="left" if name == "encoder" else "right", overflow="fold")
    for row in result.table:
        table.add_row(*map(str, row.values()))
    reply.print()
    reply.print(table)
    reply.print()
    reply.print(result.summary, style="bold", markup=False, soft_wrap=True)
    reply.print(f"[dim]{result.seconds:.0f} s; encoders.json of MLflow run {result.run_id}[/dim]")


def print_suggested_rates(run_id: str, suggestions: Sequence[SuggestedRate]) -> None:
    """Print what the learning-rate range test suggests, and how to use it."""
    table = Table("phase", "param", "now", "suggested", title="Learning rates", title_justify="left", box=None)
    for one in suggestions:
        suggested = "none: the loss never falls" if one.suggested is None else f"{one.suggested:.1e}"
        table.add_row(one.phase, f"train.{one.param}", f"{one.used:.1e}", suggested)
    reply.print()
    reply.print(table)
    usable = [f"--set train.{one.param}={one.suggested:.1e}" for one in suggestions if one.suggested is not None]
    if usable:
        reply.print(f"Try: thawline run {' '.join(usable)}", soft_wrap=True)
    reply.print(f"Curves: figures/learning_rates.png of MLflow run {run_id}", soft_wrap=True)


def print_runs(rows: Sequence[Mapping[str, Any]]) -> None:
    """Print one line a run."""
    if not rows:
        reply.print("no run yet; `thawline run` makes one")
        return
    main = next((name for name in TITLES for row in rows if row.get(f"cv_{name}") is not None), "f1_macro")
    scored = [f"{part} {TITLES[main]}" for part in ("cv", "test")]
    table = Table("run", "started (UTC)", "status", "data", *scored, "version", "verdict", box=None)
    for row in rows:
        started = datetime.fromtimestamp(row["started_ms"] / 1000, UTC).strftime("%Y-%m-%d %H:%M")
        verdict = (row["verdict"] or "").split(":")[0].strip().splitlines()
        by = f"by {row['decided_by']}: " if row["decided_by"] else ""
        decision = by + (row["decision"] or "").partition(": ")[2]
        table.add_row(
            row["run_id"][:8],
            started,
            row["status"],
            row["data_version"] or "",
            _number(row.get(f"cv_{main}")),
            _number(row.get(f"test_{main}")),
            row["version"] or "",
            escape("; ".join(part for part in (verdict[0][:40] if verdict else "", decision[:60]) if part)),
        )
    reply.print(table)


def print_params(fields: Sequence[tuple[str, str, str, str]]) -> None:
    """Print every param with its type, default and meaning."""
    table = Table("param", "type and bounds", "default", "meaning", box=None, pad_edge=False)
    for key, kind, default, description in fields:
        table.add_row(key, kind, default, description)
    reply.print(table, markup=False)


def print_catalogue(known: Sequence[Known]) -> None:
    """Print the encoders of the catalogue, and which of them are on this machine."""
    table = Table("name", "data", "millions of weights", "licence", "", "what it is", box=None, pad_edge=False)
    for one in known:
        size = f"[yellow]{one.bytes / 1e6:.0f} MB to fetch[/yellow]"
        there = "[green]there[/green]" if is_there(one) else size
        table.add_row(one.name, one.modality, f"{one.millions:.1f}", one.licence, there, one.about)
    reply.print(table)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print what the doctor found."""
    table = Table("what", "", *(Column(name, overflow="fold") for name in ("found", "remedy")), box=None)
    for finding in findings:
        mark = "[green]ok[/green]" if finding.ok else "[red]missing[/red]"
        table.add_row(finding.what, mark, finding.found, "" if finding.ok else finding.remedy)
    reply.print(table)


def _test_scores(result: RunResult) -> Table:
    title = f"Test set, {result.rows['test']:,} rows, {result.candidate}"
    table = Table("score", "value", "95 % interval", title=title, title_justify="left", box=None)
    for name, value in result.metrics.items():
        interval = result.intervals.get(name)
        table.add_row(name, f"{value:.4f}", "{:.4f} to {:.4f}".format(*interval) if interval else "")
    return table


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def print_phases(phases: Sequence[WrittenPhase]) -> None:
    """Print the phases of a schedule."""
    table = Table("phase", "trains, at learning rate", "epochs", "patience", "must gain", box=None)
    for phase in phases:
        rates = ", ".join(f"{name} {rate:.3g}" for name, rate in phase.groups.items())
        gain = "" if phase.min_gain is None else f"{phase.min_gain:g}"
        table.add_row(phase.name, rates, str(phase.num_epochs), str(phase.patience), gain)
    reply.print(table)


def print_stored(partitions: "Sequence[StoredPartition]", *, budget_gb: float) -> None:
    """Print what the activation store holds."""
    table = Table("encoder", "stored below", "format", "rows", "MB", "last used", box=None)
    for partition in partitions:
        used = f"{partition.unused_days:.1f} days ago"
        table.add_row(
            partition.encoder,
            partition.below,
            partition.dtype,
            f"{partition.rows:,}",
            f"{partition.size_bytes / 1e6:,.1f}",
            used,
        )
    reply.print(table)
    total = sum(partition.size_bytes for partition in partitions)
    reply.print(f"{total / 1e9:.2f} GB of the {budget_gb:g} GB that store.budget_gb allows")


def print_encoders(encoders: "Sequence[StoredEncoder]") -> None:
    """Print the stored encoders of tables."""
    table = Table("encoder of tables", "MB", "made", box=None)
    for encoder in encoders:
        table.add_row(encoder.name, f"{encoder.size_bytes / 1e6:,.1f}", f"{encoder.unused_days:.1f} days ago")
    reply.print(table)


def print_pruned(rows: "Sequence[tuple[str, int, int, int, int, str]]") -> None:
    """Print what there is of each kind, what of it goes, and why."""
    table = Table("", "there are", "MB", "go", "MB freed", "why", box=None)
    for kind, number, size, removed, freed, why in rows:
        table.add_row(kind, f"{number:,}", f"{size / 1e6:,.1f}", f"{removed:,}", f"{freed / 1e6:,.1f}", why)
    reply.print(table)
