"""Writes docs/benchmarks.md from the figures under .bench/results: `python -m bench.report`; it measures nothing."""

import json
import statistics
from collections.abc import Sequence
from typing import Any

from bench import results
from bench.ranking import ANSWER, load_played, standings
from bench.rows import ROOT
from bench.sides import BLEND, OURS
from bench.tournament import QUALITY, TABLES

GPU_PARTS = ("frozen_pass", "head_phase", "top_block", "full_fine_tuning")
TARGET = ROOT / "docs" / "benchmarks.md"
Entry = dict[str, Any]

INTRODUCTION = """# Benchmarks

Made by `python -m bench.report` from what `python -m bench` measured; nothing here is written by hand but "A larger
encoder" (`bench/by_hand.md`). Every side runs
in a process of its own, one after the other, on the same rows and folds, cut to the same length, on the same encoder's
weights and with the same number of threads. *Seconds* are those of the work on the clock: imports, and starting a
server in our case, are in *whole process*. *Of a core* are the processor's seconds of the work on all cores; *times
ours* is their ratio, which hardly hangs on what else runs on the machine; where a run answers with a mixture of the
fine-tuned model and its baselines, *ours* is that, all of its parts included (of these, TF-IDF sees whole texts).
Memory is the peak of the process and of all that it starts. Macro-F1 is the mean over the folds ± their standard
deviation, computed for all sides by one function from their predictions. Where a side ran several times, medians are
shown.

Each peer has the settings that its own documentation recommends; they stand, with their source, at the top of its file
in `bench/peers/`. Peers run in environments of their own, made from the pinned lists in `bench/peers/requirements/`,
which see this project's torch, torchvision, timm and transformers unless they bring their own version.
"""
TITLES = {
    "W1": "W1: five folds on mails",
    "W2": "W2: the same with a search of 20 trials",
    "W3": "W3: five folds on images",
    "W4": "W4: tables",
    "W5": "W5: what costs grow with",
    "W6": "W6: the line around the training",
}

BY_HAND = ROOT / "bench" / "by_hand.md"
GPU = results.PLACE / "gpu.json"
GPU_TITLE = "## On a GPU\n"
NO_GPU = """GPU figures are missing: there was no GPU. `python -m bench.gpu` on a machine with one is made to take less
than ten minutes, installs nothing, and writes `.bench/results/gpu.json`; `python -m bench.report` then puts its figures
here: the whole line on the three examples beside the CPU's scores, and rows a second of the frozen pass, the head
phase, the top block and plain full fine-tuning, also with networks of the size of MPNet base and of a decoder of 1.2
billion weights, and there of LoRA and of frozen weights in bfloat16. Without a GPU the same program runs with reduced
sizes on the CPU, to show that it does.
"""


def main() -> None:
    """Write the page."""
    measured = json.loads(GPU.read_text()) if GPU.is_file() else None
    TARGET.write_text(
        "\n".join([page(results.load()), *tournament_sections(), BY_HAND.read_text(), gpu_section(measured)])
    )


def tournament_sections() -> list[str]:
    """Return the tables of each tournament and the machines that its sets were played on."""
    return [_tournament(QUALITY, "Over many data sets", OURS), _tournament(TABLES, "Over many tables", ANSWER)]


def _tournament(work: str, title: str, own: str) -> str:
    sets = load_played(results.PLACE / work, own)
    machines = "\n".join(sorted({machine_line(dict(played.machine)) for played in sets}))
    return f"## {title}\n\n{machines}\n\n{standings(sets, work)}"


def gpu_section(found: Entry | None) -> str:
    """Return what `python -m bench.gpu` measured on a GPU; of a CPU it only shows that it runs."""
    if found is None or found["gpu"] is None:
        return f"{GPU_TITLE}\n{NO_GPU}"
    measured = found.get("rows_a_second", {})
    rates = [f"| {name.replace('_', ' ')} | {measured[name]:.0f} |" for name in GPU_PARTS if name in measured]
    scores = [
        f"| {example} | {score} | {part['sides'][found['device']]['f1_macro'][score]:.4f} | {difference:+.4f} |"
        for example, part in found["line"].items()
        for score, difference in part.get("differences", {}).items()
    ]
    head = (
        f"{found['gpu']}, {found['precision']}; {measured.get('num_rows', 0)} mails, "
        f"{measured.get('mean_tokens', 0)} tokens a mail."
    )
    tables = ["| part | rows a second |", "|---|---|", *rates, "", "| example | macro-F1 | GPU | beside the CPU |"]
    networks = [_network_table(name, each) for name, each in found.get("networks", {}).items()]
    lines = [GPU_TITLE, machine_line(found["machine"]), head, "", *tables, "|---|---|---|---|", *scores, ""]
    return "\n".join([*lines, *networks])


def _network_table(name: str, found: Entry) -> str:
    """Return what a network of random weights gave, part by part."""
    head = (
        f"{name}, random weights ({found['millions']:,.0f} million); {found['num_rows']} mails, {found['mean_tokens']} "
        "tokens a mail.\n\n| part | rows a second | GPU memory |\n|---|---|---|\n"
    )
    return head + "".join(
        f"| {part} | {given['failed']} | |\n"
        if "failed" in given
        else f"| {part} | {given['rows_a_second']:.0f} | {given.get('gpu_peak_bytes', 0) / 1e9:.1f} GB |\n"
        for part, given in found["parts"].items()
    )


def page(works: dict[str, dict[str, Any]]) -> str:
    """Return the page for the figures of the works that were measured."""
    parts = [INTRODUCTION]
    for work, title in TITLES.items():
        parts.append(f"## {title}\n")
        tables = [section(name, table) for name, table in works.get(work, {}).items()]
        parts += tables or [f"Not measured yet: `python -m bench {work}`.\n"]
    return "\n".join(parts)


def section(name: str, table: dict[str, Any]) -> str:
    """Return one table with the machine and the facts that it is of."""
    show = {"folds": sides_table, "search": sides_table, "checks": checks_table, "line": line_table}
    show |= {"profile": profile_table}
    is_curve = any("size" in entry and entry["side"] == OURS for entry in table["entries"])  # W5 has folds, too
    body = (curve_table if is_curve else show.get(name, curve_table))(table["entries"])
    facts = ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in table["facts"].items())
    return f"{machine_line(table['machine'])}{f' Settings: {facts}.' if facts else ''}\n\n{body}\n"


def machine_line(machine: Entry) -> str:
    """Return the machine in a sentence."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    threads = "one thread" if machine["threads"] == 1 else f"{machine['threads']} threads"
    return f"{machine['date']}, {machine['processor']}, {machine['cores']} cores, {threads}; {versions}."


def sides_table(entries: Sequence[Entry]) -> str:
    """Return every side's median seconds, their ratio to ours, scores and memory; a side that failed has its reason."""
    medians = {side: median_entry(group) for side, group in by_side(entries).items()}
    ours = medians.get(f"{OURS}_{BLEND}", medians.get(OURS, {}))
    unit = ours.get("processor_seconds")
    lines = [
        "| side | seconds | of a core | times ours | whole process | macro-F1 | memory | |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for entry in medians.values():
        if entry.get("seconds") is None:
            lines.append(f"| {entry['title']} | | | | | | | {entry['reason']} |")
            continue
        ratio = f"{entry['processor_seconds'] / unit:.1f}" if unit else ""
        note = extrapolation(entry, ours)
        lines.append(
            f"| {entry['title']} | {entry['seconds']:.1f} | {entry['processor_seconds']:.1f} | {ratio} | "
            f"{entry['process_seconds']:.1f} | {spread(entry['f1_macro'])} | "
            f"{entry['peak_bytes'] / 1e9:.1f} GB | {note} |"
        )
    return "\n".join(lines)


def extrapolation(entry: Entry, ours: Entry) -> str:
    """Return how a side's seconds were come by, if not measured, and our score on the folds that it was scored on."""
    if not entry.get("extrapolated"):
        return ""
    same = ours.get("f1_macro", [])[: len(entry["f1_macro"])]
    return f"extrapolated: {entry['extrapolated']}" + (
        f"; ours scores {statistics.mean(same):.4f} there" if same else ""
    )


def checks_table(entries: Sequence[Entry]) -> str:
    """Return the seconds of checks, by number of rows and side."""
    lines = ["| rows | side | seconds | of it the checks | memory | |", "|---|---|---|---|---|---|"]
    for size in sorted({entry["size"] for entry in entries}):
        for group in by_side([entry for entry in entries if entry["size"] == size]).values():
            entry = median_entry(group)
            if entry.get("seconds") is None:
                lines.append(f"| {size:,} | {entry['title']} | | | | {entry['reason']} |")
                continue
            left_out = f"without {len(entry['left_out'])} checks" if entry["left_out"] else ""
            lines.append(
                f"| {size:,} | {entry['title']} | {entry['seconds']:.1f} | {entry['checks_seconds']:.1f} | "
                f"{entry['peak_bytes'] / 1e9:.1f} GB | {left_out} |"
            )
    return "\n".join(lines)


def line_table(entries: Sequence[Entry]) -> str:
    """Return the whole command, what is above the training, and its steps."""
    lines = ["| run | seconds | above the training |", "|---|---|---|"]
    medians = [median_entry(group) for group in by_side(entries).values()]
    lines += [f"| {entry['side']} | {entry['seconds']:.1f} | {entry['above']:.1f} |" for entry in medians]
    lines += ["", "| step of the first run | seconds |", "|---|---|"]
    steps = next(entry["steps"] for entry in medians if entry["steps"])
    first = next(entry["seconds"] for entry in medians if entry["steps"])
    lines += [f"| {step} | {seconds:.1f} |" for step, seconds in steps.items()]
    lines.append(f"| imports, servers, start and end | {first - sum(steps.values()):.1f} |")
    return "\n".join(lines)


def profile_table(entries: Sequence[Entry]) -> str:
    """Return the libraries in which the main thread spent its time."""
    lines = ["| the main thread, under the profiler, in | seconds |", "|---|---|"]
    return "\n".join([*lines, *(f"| {entry['side']} | {entry['seconds']:.1f} |" for entry in entries)])


def curve_table(entries: Sequence[Entry]) -> str:
    """Return seconds by size, and what each step of the curve cost."""
    ordered = sorted((entry for entry in entries if entry.get("seconds") is not None), key=lambda entry: entry["size"])
    what = ordered[0].get("title", "trials").split()[0]
    lines = [f"| {what} | seconds | for one more |", "|---|---|---|"]
    for number, entry in enumerate(ordered):
        before = ordered[number - 1] if number else None
        more = (
            f"{(entry['seconds'] - before['seconds']) / (entry['size'] - before['size']):.3g}"
            if before is not None
            else ""
        )
        lines.append(f"| {entry['size']:,} | {entry['seconds']:.1f} | {more} |")
    return "\n".join(lines)


def by_side(entries: Sequence[Entry]) -> dict[str, list[Entry]]:
    """Group the measurements of each side, in the order in which they came."""
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry["side"], []).append(entry)
    return groups


def median_entry(entries: Sequence[Entry]) -> Entry:
    """Return the first that worked, with the medians of all that did."""
    sound = [entry for entry in entries if entry.get("seconds") is not None]
    if not sound:
        return entries[0]
    numbers = ("seconds", "processor_seconds", "process_seconds", "peak_bytes", "checks_seconds", "above")
    named = [name for name in numbers if name in sound[0]]
    return {**sound[0], **{name: statistics.median(entry[name] for entry in sound) for name in named}}


def spread(scores: Sequence[float]) -> str:
    """Return mean ± standard deviation of the folds."""
    deviation = statistics.stdev(scores) if len(scores) > 1 else 0.0
    return f"{statistics.mean(scores):.4f} ± {deviation:.4f}"


if __name__ == "__main__":
    main()
