"""What validation said, in short, with a way to the whole report."""

from pathlib import Path

from markupsafe import Markup

from expectations.report import ValidationReport
from tasks.checking.trends import PAGE as TRENDS
from thawline.page.charts import table
from thawline.page.parts import Panel, Section, Tone, count, shorten


def describe_checks(reports: Path, suites: tuple[str, ...]) -> Section:
    """Sum up the validation reports of `suites` that lie in the directory `reports`."""
    panels = [_panel(reports / f"validation_{suite}.json") for suite in suites]
    return Section("checks", "Validation", tuple(panel for panel in panels if panel is not None))


def _panel(path: Path) -> Panel | None:
    if not path.is_file():
        return None
    report = ValidationReport.model_validate_json(path.read_text(encoding="utf-8"))
    failed = [*report.critical_failures, *report.warnings]
    num_passed = len(report.checks) - len(failed)
    says = f"{num_passed} of {count(len(report.checks), 'check')} passed"
    says += f"; {len(report.critical_failures)} critical, {len(report.warnings)} warnings." if failed else "."
    says += f" Left out: {'; '.join(each.reason for each in report.left_out)}." if report.left_out else ""
    tone: Tone = "bad" if report.critical_failures else "warn" if failed else "good"
    link = Markup('<p><a href="{}">The whole report</a> · <a href="{}">All versions</a></p>').format(
        path.with_suffix(".html").name, TRENDS
    )
    lines = [(check.severity, shorten(check.column or "(table)"), shorten(check.message, 300)) for check in failed]
    pictures = (table(("Severity", "Column", "What failed"), lines), link) if lines else (link,)
    return Panel(f"Checks of {report.suite} rows", says, tone, pictures, is_wide=bool(lines))
