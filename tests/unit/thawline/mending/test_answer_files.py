"""What people hand back is read as they meant it, or refused with the row and the remedy."""

import json
from pathlib import Path

import pytest

from thawline.errors import ThawlineError
from thawline.mending.answer_files import Line, read_answers

HEAD = "row_id,given,answer,label,comment\n"


def write(directory: Path, content: str, name: str = "answers.csv") -> Path:
    path = directory / name
    path.write_text(content, encoding="utf-8")
    return path


READ = {
    "a label": ("a,ham,label,spam,why", Line("a", "ham", "label", "spam", "why")),
    "a label alone": ("a,ham,,spam,", Line("a", "ham", "label", "spam")),
    "the given label is kept": ("a,ham,label,ham,", Line("a", "ham", "keep", "ham")),
    "keep": ("a,ham,KEEP,,", Line("a", "ham", "keep", "ham")),
    "drop": ("a,ham,drop,,", Line("a", "ham", "drop", "")),
    "a label that looks like a formula": ("a,'=x,,'=y,", Line("a", "=x", "label", "=y")),
}


@pytest.mark.parametrize(("text", "line"), READ.values(), ids=READ.keys())
def test_an_answer_is_read_as_it_was_meant(tmp_path: Path, text: str, line: Line) -> None:
    assert read_answers(write(tmp_path, f"\ufeff{HEAD}{text}\nb,ham,,,\n")) == [line]


REFUSED = {
    "no file": (None, "is no file; name the CSV"),
    "no column": ("row_id,given\na,ham\n", "has no column answer, label"),
    "an unknown word": (HEAD + "a,ham,perhaps,,\n", "'perhaps'; it must be one of label, keep, drop, unsure"),
    "a label beside drop": (HEAD + "a,ham,drop,spam,\n", "only the answer 'label' has one"),
    "no label": (HEAD + "a,ham,label,,\n", "it needs one"),
    "no row": (HEAD + ",ham,drop,,\n", "of a row by its id"),
    "two answers": (HEAD + "a,ham,drop,,\na,ham,,spam,\n", "answers row a twice and differently (drop, 'spam')"),
}


@pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_can_not_be_understood_is_refused_with_its_rule(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "none.csv" if content is None else write(tmp_path, content)
    with pytest.raises(ThawlineError) as refused:
        read_answers(path)
    assert message in str(refused.value)


def test_what_label_studio_exports_is_read_too(tmp_path: Path) -> None:
    def task(label: str, **more: bool) -> dict[str, object]:
        result = [{"type": "choices", "value": {"choices": [label]}}]
        data = {"row_id": label, "given": "ham", "review": "r1", "reasons": "one; two"}
        return {"data": data, "annotations": [{"result": result, **more}]}

    tasks = [task("spam"), task("ham"), task("x", was_cancelled=True)]
    lines = read_answers(write(tmp_path, json.dumps(tasks), "export.json"))
    assert [(line.answer, line.label) for line in lines] == [("label", "spam"), ("keep", "ham")]
    assert lines[0].reasons == ("one", "two")
    with pytest.raises(ThawlineError, match="is not what Label Studio exports"):
        read_answers(write(tmp_path, "{}]", "broken.json"))
