"""Encoders beside each other: scored on the same folds, and changed only for one that is better beyond chance."""

from typing import Any

import pytest

from tasks.candidates.frozen_features import cross_validate_frozen
from tasks.comparing import encoders
from tasks.comparing.encoders import (
    ComparedEncoders,
    MeasuredEncoder,
    add_staged,
    best_work,
    measure_encoders,
    recommend,
)
from tests.unit.models.conftest import CONFIGS, make_texts, save_encoder
from tests.unit.tasks.words import words_context, write_words
from thawline.errors import UsageError


def measured(name: str, f1_macro: float, gain: float, **fields: Any) -> MeasuredEncoder:
    usual = {"error": 0.02, "seconds": 2.0, "num_features": 32, "memory_bytes": 300, "version_bytes": 200}
    return MeasuredEncoder(encoder=name, f1_macro=f1_macro, sd=0.01, loss=0.5 - gain, gain=gain, **{**usual, **fields})


def test_each_is_scored_on_the_same_folds_beside_the_one_in_use(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_words(tmp_path, *make_texts(60))
    save_encoder(CONFIGS["distilbert"](), tmp_path / "other")
    context = words_context(tmp_path, {}, version="encoders")
    monkeypatch.setattr(encoders, "cross_validate_frozen", cross_validate_frozen.fn)
    found = measure_encoders(context, ["other", "bert"])
    assert [one.encoder for one in found.encoders] == ["bert", "other"]
    used, other = found.encoders
    assert (used.gain, used.error) == (0, 0)
    assert other.gain == pytest.approx(used.loss - other.loss)
    assert other.error > 0
    assert used.f1_macro == cross_validate_frozen.fn(context).mean()
    assert all(one.seconds > 0 and one.num_features > 0 for one in found.encoders)


def test_the_encoder_in_use_alone_is_refused_before_anything_is_measured(tmp_path) -> None:
    context = words_context(tmp_path, {}, version="alone")
    with pytest.raises(UsageError, match=r"^bert is the encoder in use; name another"):
        measure_encoders(context, ["bert"])


def test_another_is_taken_only_if_it_is_better_beyond_chance() -> None:
    used = measured("used", 0.8, 0.0)
    assert recommend([used, measured("lucky", 0.81, 0.03)]).startswith("Keep used")
    assert recommend([used, measured("calibrated", 0.79, 0.2)]).startswith("Keep used")
    said = recommend([used, measured("good", 0.84, 0.1), measured("best", 0.85, 0.05)])
    assert said.startswith("Take best: macro-F1 0.8500 against 0.8000")
    assert "--set 'model.encoder=best'" in said


def test_formats_are_measured_for_every_encoder_beside_the_one_in_use(tmp_path, monkeypatch) -> None:
    write_words(tmp_path, *make_texts(60))
    save_encoder(CONFIGS["distilbert"](), tmp_path / "other")
    context = words_context(tmp_path, {}, version="formats")
    monkeypatch.setattr(encoders, "cross_validate_frozen", cross_validate_frozen.fn)
    found = measure_encoders(context, ["other"], ["int8"]).encoders
    assert [one.title for one in found] == ["bert", "bert, int8", "other", "other, int8"]
    for usual, small in (found[:2], found[2:]):
        assert small.version_bytes < usual.version_bytes
        assert small.gain == pytest.approx(usual.loss - small.loss)
        assert small.loss != usual.loss


def test_a_format_is_taken_only_if_it_is_as_good_and_faster() -> None:
    usual = measured("minilm", 0.8, 0.0)

    def small(gain: float, seconds: float, version_bytes: int = 50) -> MeasuredEncoder:
        fields = {"frozen_dtype": "int8", "seconds": seconds, "version_bytes": version_bytes}
        return measured("minilm", 0.8, gain, **fields)

    assert recommend([usual, small(-0.01, 1.0)]).startswith("int8 is as good as float32 but for chance")
    assert "0.50 times the seconds, and a version takes 0.25 times the bytes" in recommend([usual, small(-0.01, 1.0)])
    assert recommend([usual, small(-0.05, 1.0)]) == "Keep float32: no other format is as good."
    assert recommend([usual, small(0.0, 1.9)]) == "Keep float32: no other format is faster."


def test_what_staged_training_adds_is_told_of_the_best_encoder(tmp_path, monkeypatch) -> None:
    write_words(tmp_path, *make_texts(60))
    context = words_context(tmp_path, {}, version="staged")
    monkeypatch.setattr(encoders, "cross_validate_frozen", cross_validate_frozen.fn)
    frozen = cross_validate_frozen.fn(context)
    compared = ComparedEncoders(
        encoders=[measured("bert", 0.8, 0.0), measured("bert", 0.9, 0.0, frozen_dtype="int8")],
        recommendation="Keep bert.",
        seconds=1.0,
    )
    assert best_work(context, compared) == context
    added = add_staged(context, compared, frozen)
    assert added.staged is not None
    assert (added.staged.gain, added.staged.f1_macro) == (0.0, frozen.mean())
    assert "Keep bert. Staged training of bert" in added.summary


def test_tables_have_no_encoders_to_compare(tmp_path) -> None:
    context = words_context(tmp_path, {"modality": "tabular", "model": {"encoder": "auto"}})
    with pytest.raises(UsageError, match="made from its own rows"):
        measure_encoders(context, ["other"])
