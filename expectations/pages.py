"""A validation report written down: JSON for programs, one page for people, and Great Expectations' Data Docs.

Our page needs nothing from the network and escapes everything that comes from data. Data Docs take their style sheet
from the network and escape nothing, so what goes into them is escaped before.
"""

import html
from pathlib import Path
from typing import Any

from expectations.report import ValidationReport
from thawline.page.render import open_templates
from thawline.system.files import write_atomically

TEMPLATES = Path(__file__).parent / "templates"


def write_report(report: ValidationReport, directory: Path) -> None:
    """Write validation_<suite>.json and validation_<suite>.html into `directory`.

    Raises:
        StorageError: No permission, or the disk is full.
    """
    stem = f"validation_{report.suite}"
    write_atomically(directory / f"{stem}.json", _as_json(report))
    write_atomically(directory / f"{stem}.html", render_page(report).encode())


def is_written(report: ValidationReport, directory: Path, data_docs: Path) -> bool:
    """Return whether what `write_report` and `write_data_docs` have left there is of this report."""
    stem = f"validation_{report.suite}"
    pages = (directory / f"{stem}.html", data_docs / f"{report.suite}.html")
    try:
        written = (directory / f"{stem}.json").read_bytes()
    except FileNotFoundError:
        return False
    return written == _as_json(report) and all(page.is_file() for page in pages)


def _as_json(report: ValidationReport) -> bytes:
    return (report.model_dump_json(indent=2) + "\n").encode()


def render_page(report: ValidationReport) -> str:
    """Return the report as one self-contained HTML page: verdict, failures, classes, all checks."""
    environment = open_templates(TEMPLATES)
    environment.filters["title_of"] = title_of
    tone, verdict = _verdict(report)
    most = max(report.rows_per_class.values(), default=1)
    template = environment.get_template("validation.html.j2")
    return template.render(report=report, tone=tone, verdict=verdict, most=most)


def write_data_docs(outcome: Any, directory: Path) -> None:
    """Write Great Expectations' own page of `outcome` into `directory` as <suite>.html.

    Args:
        outcome: The second thing that `validate` returns.
        directory: E.g. reports/data_docs.

    Raises:
        StorageError: No permission, or the disk is full.
    """
    from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
    from great_expectations.render.renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    inert = expectationSuiteValidationResultSchema.load(_escape(outcome.to_json_dict()))
    page = DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(inert))
    write_atomically(directory / f"{outcome.suite_name}.html", page.encode())


def title_of(name: str) -> str:
    """Turn 'expect_few_missing' into 'Few missing'."""
    return name.removeprefix("expect_").replace("_", " ").capitalize()


def _verdict(report: ValidationReport) -> tuple[str, str]:
    if not report.passed:
        return "bad", "Refused: the data must be mended first"
    if report.warnings:
        return "warn", "Accepted, with warnings"
    return "good", "Accepted: every check passed"


def _escape(value: Any) -> Any:
    """Make every text in a nested structure harmless: no markup, no '$' that a string template would expand."""
    if isinstance(value, str):
        return html.escape(value).replace("$", "&#36;")
    if isinstance(value, dict):
        return {key: _escape(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_escape(item) for item in value]
    return value
