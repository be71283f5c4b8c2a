"""Each validation stays in a history: Great Expectations' Data Docs list all, a page shows each check over versions."""

from pathlib import Path

import pandas as pd
import pytest

pytest.importorskip("great_expectations")

from expectations.history import read_history
from tasks.checking.trends import PAGE
from tasks.checking.validate import validate_raw
from thawline.params import Params
from thawline.params.file import parse_params
from thawline.workspace import Workspace

COLOURS = ["red", "green", "blue", "grey"]


def rows(start: int, end: int) -> pd.DataFrame:
    numbers = range(start, end)
    texts = [f"number {n} is {COLOURS[n % 4]} and {n * n}" for n in numbers]
    return pd.DataFrame({"text": texts, "label": [COLOURS[n % 4] for n in numbers]})


def params(**keep: int) -> Params:
    most = {"type": "ExpectTableRowCountToBeBetween", "arguments": {"max_value": 150}, "severity": "warning"}
    regex = {"type": "ExpectColumnValuesToMatchRegex", "arguments": {"column": "text", "regex": "<b>$"}}
    extra = [most, {**regex, "severity": "warning"}]
    return parse_params({"name": "colours", "keep": keep, "validation": {"embedding": False, "extra": extra}})


def add(workspace: Workspace, start: int, end: int) -> None:
    """Accept a file, as far as validation looks at it."""
    workspace.raw.mkdir(parents=True, exist_ok=True)
    rows(start, end).to_csv(workspace.raw / f"{start}.csv", index=False)
    (workspace.raw / f"{start}.csv.dvc").write_text(f"{start}")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Return a workspace whose data was validated in three versions, the last one twice."""
    found = Workspace(tmp_path_factory.mktemp("colours"))
    for start, end in ((0, 80), (80, 160), (160, 240)):
        add(found, start, end)
        validate_raw(found, params())
    validate_raw(found, params())
    return found


def test_the_history_says_what_each_check_found_on_each_version(workspace: Workspace) -> None:
    history = read_history(workspace.validations)
    assert [each.rows for each in history] == [80, 160, 240, 240]
    assert len({each.version for each in history}) == 3
    counts = [next(c for c in each.checks if "row_count" in c.name) for each in history]
    assert [(check.value, check.limit, check.passed) for check in counts] == [
        (80, 150, True), (160, 150, False), (240, 150, False), (240, 150, False),
    ]  # fmt: skip


def test_data_docs_have_an_index_of_all_runs_and_a_page_for_each(workspace: Workspace) -> None:
    site = workspace.reports / "data_docs"
    index = (site / "index.html").read_text()
    for each in read_history(workspace.validations):
        assert each.version in index
    pages = [str(path.relative_to(site)) for path in site.glob("validations/raw/*/*/*.html")]
    assert len(pages) == 4
    assert all(page in index for page in pages)
    assert (site / "expectations" / "raw.html").is_file()
    assert "../validation_history.html" in index
    page = (site / pages[0]).read_text()
    assert "&#60;b&#62;&#36;" in page
    assert "<b>$" not in page


def test_the_page_draws_what_moves_and_links_to_all_runs(workspace: Workspace) -> None:
    page = (workspace.reports / PAGE).read_text()
    assert "Table row count to be between" in page.partition("Checks without a trend")[0]
    assert page.count("<circle") % 3 == 0
    assert 'href="data_docs/index.html"' in page
    assert f'href="{PAGE}"' in (workspace.reports / "validation_raw.html").read_text()
    assert "3 versions, the newest first." in page


def test_of_each_suite_so_many_validations_stay_as_asked_for(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    for start in (0, 80, 160):
        add(workspace, start, start + 80)
        validate_raw(workspace, params(validations=2))
    assert [each.rows for each in read_history(workspace.validations)] == [160, 240]
    assert len(list(workspace.reports.glob("data_docs/validations/raw/*/*/*.html"))) == 2
