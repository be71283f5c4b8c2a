"""The page, the CSV and Label Studio's tasks hold the same rows, and what is filled in comes back as it was meant."""

import json
from pathlib import Path

import pandas as pd

from tasks.mending.questions import Neighbour, Question, Questions
from tasks.mending.review_files import name_review, write_review
from thawline.mending.answer_files import read_answers
from thawline.workspace import Workspace


def question(number: int, given: str = "=ham") -> Question:
    return Question(
        row_id=f"{number:016x}",
        part="train",
        source="a.csv",
        source_row=number,
        text="</script><b>text",
        picture="data:image/png;base64,AA==" if number else "",
        given=given,
        suggested="spam",
        given_probability=0.1,
        probability=0.9 if number else None,
        worth=1.0,
        reasons=("label looks wrong", "confident mistake"),
        neighbours=(Neighbour("spam", "near"),),
    )


ASKED = Questions((question(0), question(1)), ("=ham", "spam"), "run")


def test_all_three_files_hold_the_rows_and_the_page_no_markup_of_theirs(tmp_path: Path) -> None:
    paths = write_review(Workspace(tmp_path), "mails", ASKED)
    page = paths["page"].read_text()
    assert "</script><b>text" not in page
    assert "\\u003c/script\\u003e\\u003cb\\u003etext" in page
    assert pd.read_csv(paths["csv"], dtype=str)["row_id"].tolist() == [row.row_id for row in ASKED.rows]
    tasks = json.loads(paths["tasks"].read_text())
    assert [task["data"]["row_id"] for task in tasks] == [row.row_id for row in ASKED.rows]
    assert [len(task["predictions"]) for task in tasks] == [0, 1]
    assert tasks[1]["data"]["image"] == ASKED.rows[1].picture


def test_the_csv_filled_in_by_hand_is_a_file_of_answers(tmp_path: Path) -> None:
    path = write_review(Workspace(tmp_path), "mails", ASKED)["csv"]
    assert read_answers(path) == []
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    table["label"] = ["spam", ""]
    table["answer"] = ["", "keep"]
    table.to_csv(path, index=False)
    lines = read_answers(path)
    assert [(line.answer, line.given, line.label) for line in lines] == [
        ("label", "=ham", "spam"),
        ("keep", "=ham", "=ham"),
    ]
    assert {line.reasons for line in lines} == {("label looks wrong", "confident mistake")}
    assert {line.review for line in lines} == {name_review(ASKED)}


def test_the_same_rows_are_the_same_review_and_other_labels_another() -> None:
    assert name_review(ASKED) == name_review(ASKED)
    assert name_review(ASKED) != name_review(Questions((question(0, "spam"), question(1)), ASKED.labels, "run"))
