"""What people hand back: the CSV that the page saves, the same table filled in by hand, or Label Studio's JSON export.

Columns of the CSV: COLUMNS; others are passed over. A line without an answer is one that nobody has looked at.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from thawline.errors import UnreadableFileError, UsageError, first_line
from thawline.formats.spreadsheets import unguarded

COLUMNS = (
    "review",
    "row_id",
    "part",
    "source",
    "source_row",
    "reasons",
    "given",
    "suggested",
    "answer",
    "label",
    "comment",
)
NEEDED = ("row_id", "given", "answer", "label")
WORDS = ("label", "keep", "drop", "unsure")
"""What may stand under `answer`: another label (that under `label`), the given one, take the row out, neither."""
REASONS = "; "


@dataclass(frozen=True)
class Line:
    """One answer as it was handed over; `answer` is one of WORDS."""

    row_id: str
    given: str
    answer: str
    label: str
    comment: str = ""
    reasons: tuple[str, ...] = ()
    review: str = ""


def read_answers(path: Path) -> list[Line]:
    """Return the answers in a file, those lines left out that have none.

    Raises:
        UsageError: There is no such file, or an answer can't be understood; the message names it.
        UnreadableFileError: It is neither such a CSV nor Label Studio's JSON.
    """
    if not path.is_file():
        raise UsageError(f"{path} is no file; name the CSV that the page of `thawline review` saved")
    lines = _from_label_studio(path) if path.suffix.lower() == ".json" else _from_csv(path)
    seen: dict[str, Line] = {}
    for line in lines:
        before = seen.setdefault(line.row_id, line)
        if (before.answer, before.label) != (line.answer, line.label):
            raise UsageError(
                f"{path} answers row {line.row_id} twice and differently ({_words(before)}, {_words(line)}); leave one"
            )
    return list(seen.values())


def parse_label_studio(tasks: Sequence[Any]) -> list[Line]:
    """Return the answers in tasks as Label Studio exports them: the last annotation of each that is not skipped."""
    found = []
    for task in tasks:
        data, done = task["data"], [one for one in task.get("annotations") or () if not one.get("was_cancelled")]
        chosen = [each for one in done[-1:] for each in one.get("result") or () if each.get("type") == "choices"]
        if not chosen:
            continue
        label, given = str(chosen[-1]["value"]["choices"][0]), str(data["given"])
        found.append(
            Line(
                row_id=str(data["row_id"]),
                given=given,
                answer="keep" if label == given else "label",
                label=label,
                reasons=_reasons(str(data.get("reasons", ""))),
                review=str(data.get("review", "")),
            )
        )
    return found


def _from_label_studio(path: Path) -> list[Line]:
    try:
        return parse_label_studio(json.loads(path.read_bytes()))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise UnreadableFileError(
            f"{path} is not what Label Studio exports as JSON of a project made with tasks.json ({first_line(error)}); "
            "export it as JSON, not JSON-MIN"
        ) from error


def _from_csv(path: Path) -> list[Line]:
    try:
        table = pd.read_csv(io.BytesIO(path.read_bytes()), dtype="str", keep_default_na=False, encoding="utf-8-sig")
    except ValueError as error:
        raise UnreadableFileError(f"{path} is no CSV in UTF-8 ({first_line(error)}); save it as one") from error
    lacking = [name for name in NEEDED if name not in table]
    if lacking:
        raise UnreadableFileError(
            f"{path} has no column {', '.join(lacking)}; a file of answers has {', '.join(NEEDED)}, as the page of "
            "`thawline review` saves them"
        )
    table = table.reindex(columns=list(COLUMNS), fill_value="")
    found = []
    for cells in table.to_dict("records"):
        cell = {str(name): unguarded(str(value)).strip() for name, value in cells.items()}
        if cell["answer"] or cell["label"]:
            found.append(_line(cell, path))
    return found


def _line(cell: dict[str, str], path: Path) -> Line:
    answer, label = cell["answer"].lower() or "label", cell["label"]
    where = f"{path}, row {cell['row_id'] or '(no row_id)'}"
    if answer not in WORDS or not cell["row_id"]:
        raise UsageError(
            f"{where}: answer is {cell['answer']!r}; it must be one of {', '.join(WORDS)}, of a row by its id"
        )
    if (answer == "label") != bool(label) and not (answer == "keep" and label == cell["given"]):
        raise UsageError(
            f"{where}: answer {answer!r} with label {label!r}; only the answer 'label' has one, and it needs one"
        )
    return Line(
        row_id=cell["row_id"],
        given=cell["given"],
        answer="keep" if answer == "label" and label == cell["given"] else answer,
        label=cell["given"] if answer == "keep" else label,
        comment=cell["comment"],
        reasons=_reasons(cell["reasons"]),
        review=cell["review"],
    )


def _reasons(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(REASONS) if part)


def _words(line: Line) -> str:
    return repr(line.label) if line.answer in {"label", "keep"} else line.answer
