"""What people's answers come to, whoever comes first, and what they do to rows."""

import pandas as pd
import pytest

from thawline.mending.corrections import Answer, Correction, apply_corrections, is_correction, settle
from thawline.mending.tally import FLAGGED, tally
from thawline.rows.columns import ARRIVED


def said(row_id: str, label: str, *, answer: str = "label", given: str = "ham", part: str = "train") -> Answer:
    return Answer.model_validate(
        {
            "row_ids": row_id.split(),
            "source": "a.csv",
            "source_row": 0,
            "part": part,
            "given": given,
            "answer": answer,
            "label": label,
            "reasons": [FLAGGED],
        }
    )


def change(by: str, *answers: Answer, day: int = 1) -> Correction:
    return Correction(created=f"2026-01-{day:02d}T00:00:00.000+00:00", by=by, review="r", answers=answers)


def rows() -> pd.DataFrame:
    return pd.DataFrame({"row_id": ["a", "b", "a", "c"], "label": ["ham", "ham", "spam", None]}).astype("str")


CASES = {
    "nobody": ([], ["ham", "ham", "spam", None]),
    "one label, for all rows of the content": ([change("anna", said("a", "spam"))], ["spam", "ham", "spam", None]),
    "a row that goes along": ([change("anna", said("a b", "spam"))], ["spam", "spam", "spam", None]),
    "a drop": ([change("anna", said("a", "", answer="drop"))], ["ham", None]),
    "unsure": ([change("anna", said("a", "", answer="unsure"))], ["ham", "ham", "spam", None]),
    "a row without a label": ([change("anna", said("c", "spam"))], ["ham", "ham", "spam", "spam"]),
    "two who agree": (
        [change("anna", said("a", "spam")), change("ben", said("a", "spam"))],
        ["spam", "ham", "spam", None],
    ),
    "two who do not": (
        [change("anna", said("a", "spam")), change("ben", said("a", "ham"))],
        ["ham", "ham", "spam", None],
    ),
    "one who changed her mind": (
        [change("anna", said("b", "spam")), change("anna", said("b", "ham"), day=2)],
        ["ham", "ham", "spam", None],
    ),
    "one who is not sure any more": (
        [change("anna", said("b", "spam")), change("anna", said("b", "", answer="unsure"), day=2)],
        ["ham", "ham", "spam", None],
    ),
}


@pytest.mark.parametrize(("corrections", "labels"), CASES.values(), ids=CASES.keys())
def test_rows_are_as_people_say_whoever_comes_first(corrections: list[Correction], labels: list[str | None]) -> None:
    for ordered in (corrections, corrections[::-1]):
        mended = apply_corrections(rows(), settle(ordered))["label"]
        assert mended.astype(object).where(mended.notna(), None).tolist() == labels


def test_rows_that_nobody_changed_are_the_same_object_and_changed_ones_keep_the_label_they_arrived_with() -> None:
    frame = rows()
    assert apply_corrections(frame, settle([change("anna", said("b", "ham"))])) is frame
    mended = apply_corrections(frame, settle([change("anna", said("b", "spam"))]))
    assert mended[ARRIVED].tolist()[:3] == ["ham", "ham", "spam"]


def test_contradicting_answers_are_named_by_person() -> None:
    contested = settle([change("anna", said("a", "spam")), change("ben", said("a", "ham"))]).contested
    assert {person: answer.says for person, answer in contested["a"].items()} == {"anna": "'spam'", "ben": "'ham'"}


def test_a_tally_counts_contents_by_person_and_agreement_with_the_audit() -> None:
    counted = tally(
        [
            change("anna", said("a x", "spam"), said("b", "ham"), said("c", "", answer="drop")),
            change("ben", said("a x", "spam"), said("d", "spam", part="test"), said("e", "spam")),
            change("eva", said("e", "ham")),
        ]
    )
    assert counted.changed == {"anna, ben": 1, "ben": 1}
    assert (counted.dropped, counted.kept, counted.contested, counted.test) == (1, 1, 1, 1)
    assert (counted.flags, counted.agreed) == (4, 3)
    assert "people agreed with 3 of 4 flags (75%)" in counted.sentence()


def test_the_file_of_a_change_has_a_name_that_no_arrival_has() -> None:
    name = change("anna", said("a", "spam")).file_name
    assert is_correction(name)
    assert name.startswith("corrections.20260101T000000000-")
    assert not is_correction("corrections-1a2b3c4d.json")
