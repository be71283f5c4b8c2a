"""The rows asked about as files in reports/review: the page, the same as CSV, and as tasks for Label Studio."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd

from tasks.mending.labelling_files import labelling_task, write_files
from tasks.mending.questions import Question, Questions
from thawline.formats.spreadsheets import guarded, to_csv
from thawline.mending.answer_files import COLUMNS, REASONS
from thawline.page.review import render_review
from thawline.workspace import Workspace

NUM_KEYS = 9


def name_review(questions: Questions) -> str:
    """Return a name for these rows: the same rows under the same labels have the same."""
    content = json.dumps([questions.run_id, [(row.row_id, row.given) for row in questions.rows]])
    return hashlib.sha256(content.encode()).hexdigest()[:8]


def write_review(workspace: Workspace, name: str, questions: Questions) -> dict[str, Path]:
    """Write page.html, rows.csv and tasks.json; return them by kind.

    Args:
        workspace: Where to.
        name: Of the classifier.
        questions: What is asked.

    Raises:
        StorageError: No permission or no space.
    """
    review = name_review(questions)
    page = render_review(
        name=name,
        review=review,
        labels=questions.labels,
        rows=[_shown(row, questions.labels) for row in questions.rows],
        note=questions.left_out,
    )
    tasks = [_task(row, review) for row in questions.rows]
    contents = {
        "page": ("page.html", page),
        "csv": ("rows.csv", to_csv(guarded(_table(questions, review)))),
        "tasks": ("tasks.json", json.dumps(tasks, ensure_ascii=False, indent=1)),
    }
    return write_files(workspace.reports / "review", contents)


def _shown(row: Question, labels: tuple[str, ...]) -> dict[str, Any]:
    """Return a row for the page; of many labels the keys stand for those given, guessed and of the neighbours first."""
    near = [neighbour.label for neighbour in row.neighbours]
    likely = dict.fromkeys([row.given, row.suggested, *near, *labels])
    return {**asdict(row), "choices": list(likely)[:NUM_KEYS]}


def _table(questions: Questions, review: str) -> pd.DataFrame:
    """Return the rows as the page saves them, with empty answers, and what one must see to fill them in."""
    lines = [
        {
            **asdict(row),
            "review": review,
            "reasons": REASONS.join(row.reasons),
            "answer": "",
            "label": "",
            "comment": "",
            "neighbours": "; ".join(neighbour.label for neighbour in row.neighbours),
        }
        for row in questions.rows
    ]
    return pd.DataFrame(lines)[[*COLUMNS, "given_probability", "probability", "worth", "neighbours", "text"]]


def _task(row: Question, review: str) -> dict[str, Any]:
    """Return a row as a task of Label Studio, the model's guess as its prediction."""
    content = {"image": row.picture} if row.picture else {}
    data = {
        **{name: getattr(row, name) for name in ("row_id", "part", "given", "text")},
        **content,
        "review": review,
        "reasons": REASONS.join(row.reasons),
    }
    return labelling_task(data, guess=row.suggested, score=row.probability, version="thawline")
