"""The example notebook runs in Jupyter, whose event loop runs already, and answers as it is printed."""

import json

import pytest
from session import ROOT, prefect_api

NOTEBOOK = ROOT / "examples" / "notebook.ipynb"


@pytest.mark.slow
def test_the_notebook_answers_as_it_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    import nbformat

    from tests.documentation.notebook import answers, execute

    monkeypatch.setenv("PREFECT_API_URL", prefect_api())
    printed = answers(nbformat.read(NOTEBOOK, as_version=4))
    assert len([text for text in printed if text]) >= 5, "the notebook is kept with what it prints"
    assert answers(execute()) == printed


def test_the_notebook_is_kept_without_what_a_machine_adds() -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    assert all(one.get("name") != "stderr" for cell in cells for one in cell.get("outputs", ()))
    assert "/tmp" not in NOTEBOOK.read_text()
