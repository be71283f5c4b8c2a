"""The tournament's tables: who is better beyond noise, ranks, and what is shown of a side that was not there."""

import dataclasses

import numpy as np
import pytest

from bench.ranking import ANSWER, BETTER, FROZEN, WORSE, Played, average_ranks, standings
from bench.sides import OURS

RNG = np.random.default_rng(0)


def played(name: str, *, right: dict[str, float], num_rows: int = 400, seconds: float = 10.0) -> Played:
    labels = np.arange(num_rows) % 2
    answers = {side: np.where(RNG.random(num_rows) < share, labels, 1 - labels) for side, share in right.items()}
    figures = {
        side: {"f1_macro": [float((answer == labels).mean())], "processor_seconds": seconds, "more": {"depth": 3}}
        for side, answer in answers.items()
    }
    facts = {"num_rows": num_rows, "num_classes": 2}
    return Played(name, facts, {}, labels, np.arange(num_rows), answers, figures)


def test_a_difference_counts_only_beyond_noise() -> None:
    found = played("set", right={OURS: 0.9, FROZEN: 0.7})
    level = np.roll(found.answers[OURS], 2)  # as often right, on other rows
    found = dataclasses.replace(found, answers={**found.answers, "hf_full": level})
    assert found.compare(OURS, FROZEN) == BETTER
    assert found.compare(FROZEN, OURS) == WORSE
    assert found.compare(OURS, "hf_full") == ""


def test_ranks_are_among_sides_that_fine_tune_and_level_ones_share_theirs() -> None:
    sets = [played("one", right={OURS: 1.0, FROZEN: 1.0, "hf_full": 0.6, "sklearn_text": 1.0})]
    sets += [played("two", right={OURS: 1.0, "hf_full": 1.0})]
    assert average_ranks(sets) == {OURS: pytest.approx((1 + 1.5) / 2), "hf_full": pytest.approx((2 + 1.5) / 2)}


def test_the_tables_name_what_was_there_and_leave_empty_what_was_not() -> None:
    text = standings([played("one", right={OURS: 0.95, "hf_full": 0.6}), played("two", right={OURS: 0.9})], "quality")
    lines = [line for line in text.splitlines() if line.startswith("| two |")]
    assert len(lines) == 1
    assert lines[0].endswith("|  |")
    assert "| Hugging Face Trainer: all layers, 3 epochs | 1 | 2.00 | 1, 0, 0 |" in text


def test_nothing_measured_is_said() -> None:
    assert "Not measured yet: `python -m bench tables`" in standings([], "tables")


def test_where_the_answer_is_compared_all_peers_have_ranks() -> None:
    found = [dataclasses.replace(played("one", right={OURS: 0.6, ANSWER: 0.9, "sklearn_table": 0.7}), own=ANSWER)]
    assert average_ranks(found) == {ANSWER: 1, "sklearn_table": 2}
    assert found[0].signs == {OURS: BETTER, "sklearn_table": BETTER}
    assert "on any of these tables" in standings(found, "tables")
