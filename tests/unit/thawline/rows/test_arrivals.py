import pytest

from thawline.params.automation import Arrive
from thawline.rows.arrivals import Arrival, decide_training, is_candidate, name_with_hash


def arrival(rows: int, *, bad_rows: int = 0, drifted: bool = False) -> Arrival:
    return Arrival(
        name="x.csv",
        sha256="0" * 64,
        state="accepted",
        kept_as="x-00000000.csv",
        arrived="2026-01-01",
        rows=rows,
        bad_rows=bad_rows,
        drifted=drifted,
    )


DUE = {
    "nothing new": ([], None, False, False, "nothing new"),
    "enough rows": ([60, 40], None, False, True, "100 new rows"),
    "too few rows": ([60], None, False, False, "min_new_rows asks for 100"),
    "cooling down": ([100], 10.0, False, False, "wait 50 s more"),
    "cooled down": ([100], 60.0, False, True, "100 new rows"),
    "interrupted": ([], 61.0, True, True, "did not end"),
    "interrupted just now": ([], 1.0, True, False, "wait 59 s"),
}


@pytest.mark.parametrize("name", DUE)
def test_training_is_due_by_rows_cool_down_and_what_did_not_end(name: str) -> None:
    rows, since, unfinished, train, told = DUE[name]
    settings = Arrive(min_new_rows=100, cool_down_s=60)
    due = decide_training([arrival(n) for n in rows], since_last_s=since, settings=settings, unfinished=unfinished)
    assert due.train == train
    assert told in due.reason


def test_a_drift_alarm_is_a_reason_unless_the_params_say_otherwise() -> None:
    few = [arrival(5, drifted=True)]
    assert decide_training(few, since_last_s=None, settings=Arrive(min_new_rows=100)).train
    settings = Arrive(min_new_rows=100, train_on_drift=False)
    assert not decide_training(few, since_last_s=None, settings=settings).train


def test_rows_in_quarantine_do_not_count() -> None:
    settings = Arrive(min_new_rows=100)
    assert not decide_training([arrival(110, bad_rows=20)], since_last_s=None, settings=settings).train


NAMES = {
    "mails.csv": "mails-abcdef01.csv",
    "mails.csv.xz": "mails-abcdef01.csv.xz",
    "../../etc/passwd": "passwd-abcdef01",
    "Grüße 2026.csv": "Grüße 2026-abcdef01.csv",
    "a\nb;rm -rf $HOME.csv": "a_b_rm -rf _HOME-abcdef01.csv",
    ".csv": "file-abcdef01.csv",
    "<script>.csv": "_script_-abcdef01.csv",
    "x" * 300 + ".csv": "x" * 80 + "-abcdef01.csv",
}


@pytest.mark.parametrize("name", NAMES)
def test_names_are_made_harmless(name: str) -> None:
    assert name_with_hash(name, "abcdef01" * 8) == NAMES[name]


def test_unfinished_files_are_no_candidates() -> None:
    assert [name for name in ("a.csv", ".a.csv", "a.csv.PART", "a.tmp", "b") if is_candidate(name)] == ["a.csv", "b"]
