"""A run's copies of the reports lead nowhere that MLflow can't follow, and say where in the workspace it is."""

import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

pytest.importorskip("great_expectations")

from tasks.checking.validate import validate_raw
from tasks.reports.workspace_reports import log_reports, name_neighbours
from tasks.tracking.runs import Tracking
from thawline.params.file import parse_params
from thawline.workspace import Workspace


class Artifacts:
    """MLflow's client, as far as it takes a folder of files."""

    def __init__(self, root: Path) -> None:
        """Keep what is logged below `root`."""
        self.root = root

    def log_artifacts(self, run_id: str, local: str, folder: str) -> None:
        """Take the files of the directory `local`."""
        shutil.copytree(local, self.root / run_id / folder)


def log(workspace: Workspace, kept: Path) -> Path:
    client: Any = Artifacts(kept)
    log_reports(Tracking(client, "", "0"), "run", workspace)
    return kept / "run" / "reports"


def test_no_page_of_a_run_links_to_a_file_beside_it(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.raw.mkdir(parents=True)
    numbers = range(60)
    texts = [f'number {n} is {n * n} <a href="evil.html">here</a>' for n in numbers]
    frame = pd.DataFrame({"text": texts, "label": [("red", "green")[n % 2] for n in numbers]})
    frame.to_csv(workspace.raw / "rows.csv", index=False)
    validate_raw(workspace, parse_params({"name": "colours", "validation": {"embedding": False}}))
    logged = log(workspace, tmp_path / "artifacts")
    pages = {path.name: path.read_text(encoding="utf-8") for path in logged.glob("*.html")}
    assert {"validation_raw.html", "validation_history.html"} <= pages.keys()
    for page in pages.values():
        assert re.findall(r'href="(?!#)[^"]*"', page) == []
    assert "<code>reports/validation_history.html</code>" in pages["validation_raw.html"]
    assert "<code>reports/data_docs/index.html</code>" in pages["validation_history.html"]
    assert 'href="data_docs/index.html"' in (workspace.reports / "validation_raw.html").read_text(encoding="utf-8")
    assert not (logged / "data_docs").exists()


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ('<a href="#checks">Checks</a>', '<a href="#checks">Checks</a>'),
        ('<a href="https://example.org/a">There</a>', '<a href="https://example.org/a">There</a>'),
        ("&lt;a href=&#34;a.html&#34;&gt;", "&lt;a href=&#34;a.html&#34;&gt;"),
        (
            '<a href="a.html">One</a> · <a href="b/c.html">Two</a>',
            "One (<code>reports/a.html</code> in the workspace) · Two (<code>reports/b/c.html</code> in the workspace)",
        ),
    ],
    ids=["within", "elsewhere", "text", "beside"],
)
def test_only_links_to_files_beside_a_page_become_words(link: str, expected: str) -> None:
    assert name_neighbours(link) == expected


def test_other_files_go_up_as_they_are(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "workspace")
    workspace.reports.mkdir(parents=True)
    content = b'{"page": "<a href=\\"b.html\\">b</a>"}\n'
    (workspace.reports / "split.json").write_bytes(content)
    assert (log(workspace, tmp_path / "artifacts") / "split.json").read_bytes() == content
