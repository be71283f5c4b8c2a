"""Great Expectations' own history of validations, and its Data Docs: a site with an index of all runs.

What a validation found is kept as Great Expectations keeps it, a JSON file a run (`ValidationResultsStore`), so that
its own programs read it; our words stand in the result's `meta`. The site is built by its `SiteBuilder`, a page for
each new run. Pages of Great Expectations escape nothing and take styles and scripts from the network: what goes into
them is escaped before, and they can be read without a network.
"""

import json
import re
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.core.expectation_validation_result import expectationSuiteValidationResultSchema
from great_expectations.core.run_identifier import RunIdentifier
from great_expectations.data_context.store.validation_results_store import ValidationResultsStore
from great_expectations.data_context.types.base import InMemoryStoreBackendDefaults
from great_expectations.data_context.types.resource_identifiers import (
    ExpectationSuiteIdentifier,
    ValidationResultIdentifier,
)
from great_expectations.render.renderer import ExpectationSuitePageRenderer, ValidationResultsPageRenderer
from great_expectations.render.renderer.site_builder import SiteBuilder
from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import ChoiceLoader, FileSystemLoader

from expectations.history import META, RESULTS
from expectations.report import ValidationReport
from expectations.validation import ephemeral_context
from thawline.system.files import storage_errors, write_atomically

TEMPLATES = Path(__file__).parent / "templates"
SUITES = "suites"
_SIGNS = "<>&\"'$"
_HIDDEN = {ord(sign): 0xE000 + place for place, sign in enumerate(_SIGNS)}
"""To code points that no font and no markup has a use for (Unicode's private use area)."""
_ENTITIES = {0xE000 + place: f"&#{ord(sign)};" for place, sign in enumerate(_SIGNS)}


class InertResults(ValidationResultsPageRenderer):
    """Great Expectations' page of one validation; text from data stays text."""

    def render(self, validation_results: Any, suite_parameters: Any = None) -> Any:
        """Return the page's content."""
        inert = expectationSuiteValidationResultSchema.load(_hidden(validation_results.to_json_dict()))
        return super().render(inert, suite_parameters)


class InertSuite(ExpectationSuitePageRenderer):
    """Great Expectations' page of a suite; text from params and data stays text."""

    def render(self, expectations: Any) -> Any:
        """Return the page's content."""
        return super().render(gx.ExpectationSuite(**_hidden(expectations.to_json_dict())))


@cache
def _templates() -> Any:
    """Return Great Expectations' templates, ours before its own, compiled once in a process."""
    environment = DefaultJinjaPageView().env
    environment.loader = ChoiceLoader([FileSystemLoader(TEMPLATES), environment.loader])
    return environment


class _Readable:
    """Views with our templates before Great Expectations' own; what was hidden from markup is shown as text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.env = _templates()

    def render(self, document: Any, template: Any = None, **options: Any) -> str:
        """Return it as HTML."""
        return _shown(super().render(document, template, **options))  # type: ignore[misc]


class ReadableIndex(_Readable, DefaultJinjaIndexPageView):
    """Great Expectations' view of the index."""


class ReadablePage(_Readable, DefaultJinjaPageView):
    """Great Expectations' view of a page."""


def record_validation(report: ValidationReport, outcome: Any, *, version: str, history: Path, most: int) -> None:
    """Keep what a validation found; `build_site` makes its page.

    Args:
        report: What it found, in our words.
        outcome: What Great Expectations says of it, the second thing that `validate` returns.
        version: Which data it was of.
        history: Directory of the history.
        most: Validations of a suite that are kept, the newest.

    Raises:
        StorageError: No permission, or the disk is full.
    """
    run = RunIdentifier(run_name=_as_name(version), run_time=datetime.now(UTC))
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(report.suite),
        run_id=run,
        batch_identifier=_as_name(report.title),
    )
    outcome.meta |= {"run_id": run, META: _in_our_words(report, version)}
    place = history / RESULTS
    path = place.joinpath(*key.to_tuple())
    write_atomically(path.with_name(f"{path.name}.json"), _as_json(outcome))
    write_atomically(history / SUITES / f"{report.suite}.json", _suite_of(outcome))
    for old in sorted((place / report.suite).glob("*/*/*.json"), key=lambda path: path.parent.name)[:-most]:
        old.unlink(missing_ok=True)


def build_site(history: Path, site: Path, *, name: str) -> None:
    """Write Data Docs into a directory: the index of all validations, and the pages that it lacks.

    Pages of validations that are kept no more go.

    Raises:
        StorageError: No permission, or the disk is full.
    """
    context = _context(history)
    with storage_errors():
        site.mkdir(parents=True, exist_ok=True)
        builder = SiteBuilder(
            data_context=context,
            site_name=name,
            store_backend={"class_name": "TupleFilesystemStoreBackend", "base_directory": str(site)},
            show_how_to_buttons=False,
            site_index_builder={"class_name": "DefaultSiteIndexBuilder", "view": _ours(ReadableIndex)},
            site_section_builders={
                "expectations": {"renderer": _ours(InertSuite), "view": _ours(ReadablePage)},
                "validations": {"renderer": _ours(InertResults), "view": _ours(ReadablePage)},
                "profiling": "None",
            },
        )
        results = context.validation_results_store.list_keys()
        lacking = [key for key in results if not builder.get_resource_url(key)]
        suites = {key.expectation_suite_identifier for key in lacking}
        for section in builder.site_section_builders.values():
            section.build(resource_identifiers=[*lacking, *suites])
        builder.site_index_builder.build()


def _context(history: Path) -> Any:
    stores = InMemoryStoreBackendDefaults()
    for name, directory in ((stores.expectations_store_name, SUITES), (stores.validation_results_store_name, RESULTS)):
        stores.stores[name]["store_backend"] = {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(history / directory),
        }
    return ephemeral_context(stores)


def _ours(kind: type) -> dict[str, str]:
    return {"module_name": __name__, "class_name": kind.__name__}


def _as_json(outcome: Any) -> bytes:
    content: str = ValidationResultsStore().serialize(outcome)
    return content.encode()


def _in_our_words(report: ValidationReport, version: str) -> dict[str, Any]:
    checks = [check.model_dump(mode="json", exclude={"examples"}) for check in report.checks]
    return {"title": report.title, "version": version, "rows": report.num_rows, "checks": checks}


def _suite_of(outcome: Any) -> bytes:
    """Return the suite that was looked at, as Great Expectations stores it."""
    configs = [result.expectation_config.to_json_dict() for result in outcome.results]
    for config in configs:
        config["kwargs"].pop("batch_id", None)
    return json.dumps({"name": outcome.suite_name, "expectations": configs, "meta": {}, "notes": None}).encode()


def _as_name(text: str) -> str:
    """Return a text as the name of a file and of a run: letters, digits, dots and dashes."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.")[:80] or "unnamed"


def _hidden(value: Any) -> Any:
    """Put signs that stand for markup or for a place in a template out of sight, in every text of a nested structure.

    Great Expectations escapes some texts and not others: entities would be escaped twice here and shown there.
    """
    if isinstance(value, str):
        return value.translate(_HIDDEN)
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(item) for item in value]
    return value


def _shown(page: str) -> str:
    """Return a page with the signs that `_hidden` hid, as entities: text wherever they stand."""
    return page.translate(_ENTITIES)
