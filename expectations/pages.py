"""A validation report written down: JSON for programs, and one page for people.

The page needs nothing from the network and escapes everything that comes from data. `data_docs.py` makes Great
Expectations' own.
"""

from pathlib import Path

from expectations.report import ValidationReport
from thawline.page.render import open_templates
from thawline.system.files import write_atomically

TEMPLATES = Path(__file__).parent / "templates"


def write_report(report: ValidationReport, directory: Path, *, has_history: bool = False) -> None:
    """Write validation_<suite>.json and validation_<suite>.html into `directory`, with links to the history beside it.

    Raises:
        StorageError: No permission, or the disk is full.
    """
    stem = f"validation_{report.suite}"
    write_atomically(directory / f"{stem}.json", _as_json(report))
    write_atomically(directory / f"{stem}.html", render_page(report, has_history=has_history).encode())


def is_written(report: ValidationReport, directory: Path, data_docs: Path) -> bool:
    """Return whether what `write_report` has left there is of this report, and Data Docs are there."""
    stem = f"validation_{report.suite}"
    pages = (directory / f"{stem}.html", data_docs / "index.html")
    try:
        written = (directory / f"{stem}.json").read_bytes()
    except FileNotFoundError:
        return False
    return written == _as_json(report) and all(page.is_file() for page in pages)


def _as_json(report: ValidationReport) -> bytes:
    return (report.model_dump_json(indent=2) + "\n").encode()


def render_page(report: ValidationReport, *, has_history: bool = False) -> str:
    """Return the report as one self-contained HTML page: verdict, failures, classes, all checks."""
    environment = open_templates(TEMPLATES)
    environment.filters["title_of"] = title_of
    tone, verdict = _verdict(report)
    most = max(report.rows_per_class.values(), default=1)
    template = environment.get_template("validation.html.j2")
    return template.render(report=report, tone=tone, verdict=verdict, most=most, has_history=has_history)


def title_of(name: str) -> str:
    """Turn 'expect_few_missing' into 'Few missing'."""
    return name.removeprefix("expect_").replace("_", " ").capitalize()


def _verdict(report: ValidationReport) -> tuple[str, str]:
    if not report.passed:
        return "bad", "Refused: the data must be mended first"
    if report.warnings:
        return "warn", "Accepted, with warnings"
    return "good", "Accepted: every check passed"
