"""What a person sees in MLflow's pages of a finished run, in a real browser."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from line import Finished
from mlflow import MlflowClient
from playwright.sync_api import Page, expect
from session import ROOT, end_with_parent, free_port, programs

from tasks.tracking.saved_view import VIEW_KEY
from tests.browser.opened import browser

pytestmark = pytest.mark.slow

PATIENCE_MS = 60_000
TRAINING = "workflowType=machine_learning"
QUIET = """localStorage.setItem("mlflow.assistant.fab.autoOpenedOnFirstLoad_v1", "true");
           localStorage.setItem("mlflow.assistant.panelOpen_v1", "false");"""
SCREENSHOTS = Path(os.environ.get("THAWLINE_SCREENSHOTS", "reports/screenshots"))


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    with browser() as opened:
        page = opened.new_page(viewport={"width": 1500, "height": 1100}, color_scheme="light")
        page.add_init_script(QUIET)
        page.set_default_timeout(PATIENCE_MS)
        expect.set_options(timeout=PATIENCE_MS)
        yield page


@pytest.fixture(scope="module")
def server(finished: Finished, page: Page) -> Iterator[str]:
    """Run `thawline ui` on the store of a finished run, and open what it prints; yields the address of its pages."""
    command = [programs() / "thawline", "ui", "--json", "--port", str(free_port())]
    process = subprocess.Popen(
        command,
        cwd=finished.directory,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: end_with_parent(signal.SIGTERM),  # noqa: PLW1509 - no other threads run yet
    )
    assert process.stdout is not None
    try:
        link = json.loads(process.stdout.readline())["mlflow"]
        page.goto(link)
        yield link.partition("/open")[0]
    finally:
        process.kill()  # one that still answers a browser may not heed SIGTERM in time
        process.communicate()


def save(page: Page, name: str) -> None:
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.wait_for_timeout(1500)  # let pictures and fonts arrive
    page.screenshot(path=SCREENSHOTS / f"{name}.png")


def visit(page: Page, address: str) -> None:
    """Open an address anew: where only its fragment differs, MLflow keeps the artifact that was open before."""
    page.goto("about:blank")
    page.goto(address)


def address_of(server: str, finished: Finished, rest: str = "") -> str:
    run_id = finished.first.json["run_id"]
    experiment = MlflowClient(finished.mlflow_uri).get_run(run_id).info.experiment_id
    return f"{server}/#/experiments/{experiment}/runs/{run_id}{rest}?{TRAINING}"


def test_the_link_of_thawline_ui_opens_the_saved_view(server: str, page: Page, finished: Finished) -> None:
    assert page.url == f"{address_of(server, finished).split('/runs/')[0]}/runs?{TRAINING}&viewStateShareKey={VIEW_KEY}"
    expect(page.get_by_text("thawline.failed_gates", exact=True).first).to_be_visible()


def test_the_experiment_lists_the_run_with_what_it_is_sorted_by(server: str, page: Page, finished: Finished) -> None:
    experiment = address_of(server, finished).split("/runs/")[0]
    visit(page, f"{experiment}/runs?{TRAINING}&viewStateShareKey={VIEW_KEY}")
    expect(page.get_by_role("link", name=f"finetune {finished.first.json['data_version']}").first).to_be_visible()
    expect(page.get_by_role("link", name="fold 1")).to_have_count(0)
    for column in ("test_f1_macro", "thawline.promoted", "thawline.failed_gates"):
        expect(page.get_by_text(column, exact=True).first).to_be_visible()
    save(page, "experiment")


def test_the_run_page_begins_with_the_verdict_and_shows_the_epoch_table(
    server: str, page: Page, finished: Finished
) -> None:
    visit(page, address_of(server, finished))
    expect(page.get_by_text("Promoted:", exact=False).first).to_be_visible()
    page.get_by_text("Show more").first.click()
    expect(page.get_by_role("heading", name="Gates").first).to_be_visible()
    for column in ("Epoch", "Training Loss", "Validation Loss", "Accuracy", "F1-Score"):
        expect(page.get_by_role("columnheader", name=column, exact=True).first).to_be_attached()
    expect(page.get_by_text("What to do next").first).to_be_attached()
    save(page, "run")


def test_a_figure_opens(server: str, page: Page, finished: Finished) -> None:
    visit(page, address_of(server, finished, "/artifacts/figures/learning_curves.png"))
    picture = page.locator("img[src*='learning_curves'], img[src^='blob:'], img[src^='data:image/png']").first
    expect(picture).to_be_visible()
    save(page, "figure")


def test_the_evaluation_report_opens_inside_the_run_page(server: str, page: Page, finished: Finished) -> None:
    visit(page, address_of(server, finished, "/artifacts/evaluation.html"))
    report = page.frame_locator("iframe").first
    expect(report.get_by_role("heading", name="Scores on the test set")).to_be_attached()
    expect(report.get_by_role("heading", name="Promoted", exact=False)).to_be_visible()
    expect(report.get_by_alt_text("Confusion matrix")).to_be_attached()
    save(page, "evaluation_in_run")


def test_the_evaluation_report_stands_by_itself(page: Page, finished: Finished, tmp_path: Path) -> None:
    client = MlflowClient(finished.mlflow_uri)
    path = client.download_artifacts(finished.first.json["run_id"], "evaluation.html", str(tmp_path))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(Path(path).as_uri())
    expect(page.get_by_role("heading", name="Most confident mistakes")).to_be_visible()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "evaluation.png", full_page=True)


def test_the_registered_model_shows_its_card_and_aliases(server: str, page: Page, finished: Finished) -> None:
    visit(page, f"{server}/#/models/mails?{TRAINING}")
    expect(page.get_by_text("champion", exact=False).first).to_be_visible()
    visit(page, f"{server}/#/models/mails/versions/{finished.first.json['version']}?{TRAINING}")
    expect(page.get_by_text("Intended use").first).to_be_attached()
    save(page, "model")
