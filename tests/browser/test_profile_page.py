"""The profile page in a real browser: it fits a telephone, shows its sections, and runs nothing that data brings."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import Page, expect

from tasks.clean import clean
from tasks.ingest import ingest
from tasks.profiling.page import make_profile
from tasks.split import split
from thawline.context import Context
from thawline.params import Params
from thawline.workspace import Workspace

EVIL = "<script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
SECTIONS = ("Size", "Classes", "Missing values", "Content", "Duplicates and conflicts", "Outliers", "Map of the rows")


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make the page of a table whose cells, columns, labels and file name hold markup; its own guard is taken off."""
    root = tmp_path_factory.mktemp("hostile")
    workspace = Workspace(root)
    workspace.raw.mkdir(parents=True)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            f"column {EVIL}": rng.normal(size=150),
            "cell": rng.choice([EVIL, "b" * 5000, "c"], 150),
            "x" * 300: np.where(rng.random(150) < 0.5, np.nan, rng.random(150)),
            "label": rng.choice([EVIL, "a label as long as " + "y" * 200, "z"], 150),
        }
    )
    frame.to_csv(workspace.raw / "<img src=x onerror=document.title='hacked'>.csv", index=False)
    params = Params.model_validate({"name": "hostile", "modality": "tabular", "clean": {"conflicting_labels": "keep"}})
    for stage in (ingest, clean, split):
        stage(workspace, params)
    html = make_profile(Context(root=root, params=params, data_version="v1", code_version="c"))
    path = root / "profile.html"
    path.write_text(html.replace("Content-Security-Policy", "unguarded"), encoding="utf-8")
    return path


def test_the_page_fits_a_telephone_and_a_desk(shown: Page) -> None:
    for width in (400, 1280):
        shown.set_viewport_size({"width": width, "height": 900})
        assert shown.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_that_data_brings_runs(shown: Page) -> None:
    expect(shown).to_have_title("Data profile: hostile")
    assert shown.locator("script").count() == 0
    assert shown.locator("img").count() == 0
    assert shown.get_by_text("<script>document.title").count() > 0


def test_every_section_is_seen(shown: Page) -> None:
    for title in SECTIONS:
        expect(shown.get_by_role("heading", name=title, exact=True).first).to_be_visible()
    assert shown.locator("svg").count() >= 4
