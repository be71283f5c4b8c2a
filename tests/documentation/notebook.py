"""The example notebook, executed as Jupyter does: `python -m tests.documentation.notebook` writes what it prints."""

import re
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "examples" / "notebook.ipynb"
TIMEOUT_S = 600


def execute() -> nbformat.NotebookNode:
    """Return the notebook with what its cells answer now; what goes on, told on standard error, is left out."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    where = {"metadata": {"path": str(NOTEBOOK.parent)}}
    NotebookClient(notebook, timeout=TIMEOUT_S, kernel_name="python3", resources=where).execute()
    for cell in notebook.cells:
        cell.metadata = {}
        cell.outputs = [one for one in cell.get("outputs", ()) if one.get("name") != "stderr"]
        if cell.cell_type != "code":
            del cell["outputs"]
    return notebook


def answers(notebook: nbformat.NotebookNode) -> list[str]:
    """Return what each cell of code answers as text, with N for each number: those differ between machines."""
    told = []
    for cell in notebook.cells:
        if cell.cell_type == "code":
            texts = [one.get("text") or one.data["text/plain"] for one in cell.outputs]
            told.append(re.sub(r"[0-9a-f]{8}|\d+(\.\d+)?(e-?\d+)?", "N", re.sub(r" +", " ", "\n".join(texts))))
    return told


if __name__ == "__main__":
    done = execute()
    nbformat.write(done, NOTEBOOK)
    sys.stdout.write("\n".join(answers(done)))
