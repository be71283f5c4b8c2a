"""The champion's alias moves through the gates or by a person's word, comes back, and never moves by itself again."""

import dataclasses
import os
import pwd
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import ENDPOINT_NOT_FOUND

from tasks.judging import champion, registry
from tasks.judging.champion import (
    count_challengers,
    find_champion,
    is_open,
    promote,
    promote_if_pending,
    rollback,
    tell_standing,
)
from tasks.results.judgement import Decision, Judgement
from tasks.tracking.runs import FINGERPRINT, Tracking
from thawline.context import Context
from thawline.errors import ServiceError, UsageError
from thawline.params import Params
from thawline.scores.gates import UNSCORED, Gate


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Tracking:
    directory = tmp_path_factory.mktemp("registry")
    uri = f"sqlite:///{directory}/mlflow.db"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    return Tracking(client, uri, client.create_experiment("mails", (directory / "artifacts").as_uri()))


@pytest.fixture
def tracking(store: Tracking, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Tracking:
    """Return the store, with a registered model of the test's own."""
    name = f"model-{abs(hash(request.node.name))}"
    monkeypatch.setitem(globals(), "NAME", name)
    store.client.create_registered_model(name)
    return store


NAME = "set by the fixture"


def register(tracking: Tracking, *, passed: bool = True) -> ModelVersion:
    """Register a version, as `tasks.judging.registry` does, and promote it if its gates passed."""
    run = tracking.client.create_run(tracking.experiment_id)
    tags = {champion.PROMOTED: str(passed).lower(), champion.JUDGED_AGAINST: find_champion(tracking, NAME) or "none"}
    made = tracking.client.create_model_version(NAME, run.info.artifact_uri, run.info.run_id, tags=tags)
    promote_if_pending(tracking, NAME, made)
    return made


def again(tracking: Tracking, version: ModelVersion) -> None:
    """Do what a later run of the same data, params and code does."""
    promote_if_pending(tracking, NAME, tracking.client.get_model_version(NAME, version.version))


def test_gates_move_the_alias_and_a_refused_version_moves_nothing(tracking: Tracking) -> None:
    register(tracking)
    register(tracking, passed=False)
    assert find_champion(tracking, NAME) == "1"
    register(tracking)
    assert find_champion(tracking, NAME) == "3"


def test_rollback_returns_to_the_champion_before_and_the_old_one_never_comes_back_by_itself(tracking: Tracking) -> None:
    register(tracking)
    register(tracking, passed=False)
    third = register(tracking)
    done = rollback(tracking, NAME, reason="complaints")
    assert (done.champion, done.before) == ("1", "3")
    again(tracking, third)
    assert find_champion(tracking, NAME) == "1"
    assert "rolled back" in tell_standing(tracking, NAME, "3")
    assert "complaints" in tell_standing(tracking, NAME, "3")
    page = tracking.client.get_run(third.run_id).data.tags
    assert "rolled back to version 1: complaints" in page["mlflow.note.content"]


def test_a_forced_promotion_is_recorded_as_forced_in_the_version_and_in_the_run(tracking: Tracking) -> None:
    register(tracking)
    second = register(tracking, passed=False)
    promote(tracking, NAME, "2", reason="agreed with the owner")
    assert find_champion(tracking, NAME) == "2"
    tags = tracking.client.get_model_version(NAME, "2").tags
    assert tags[champion.PROMOTED] == "forced"
    assert "agreed with the owner" in tags[champion.FORCED]
    assert "forced to champion" in tracking.client.get_run(second.run_id).data.tags[champion.FORCED]
    rollback(tracking, NAME)
    again(tracking, second)
    assert find_champion(tracking, NAME) == "1"


def test_forcing_an_older_version_is_not_undone_by_the_run_of_a_newer_one(tracking: Tracking) -> None:
    register(tracking)
    second = register(tracking)
    promote(tracking, NAME, "1", reason="version 2 is slow")
    again(tracking, second)
    assert find_champion(tracking, NAME) == "1"


def test_a_promotion_that_was_killed_half_way_is_completed_only_against_the_champion_it_was_judged_by(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(tracking)
    with monkeypatch.context() as patch:
        patch.setattr(champion, "_crown", lambda *_, **__: None)  # as if killed before the alias moved
        second, third = register(tracking), register(tracking)
    again(tracking, second)
    assert find_champion(tracking, NAME) == "2"
    again(tracking, third)
    assert find_champion(tracking, NAME) == "2", "version 3 was judged against version 1"


@pytest.mark.parametrize("login", ["anna:a password of hers", ""], ids=["login", "user of the machine"])
def test_who_forced_a_promotion_or_rolled_it_back_stands_with_the_version_and_the_run(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch, login: str
) -> None:
    monkeypatch.setenv("THAWLINE_LOGIN", login)
    name = login.partition(":")[0] or pwd.getpwuid(os.getuid()).pw_name
    register(tracking)
    second = register(tracking, passed=False)
    assert promote(tracking, NAME, "2", reason="agreed").by == name
    assert f"by {name}: agreed" in tell_standing(tracking, NAME, "2")
    assert rollback(tracking, NAME, reason="no").by == name
    version, run = tracking.client.get_model_version(NAME, "2").tags, tracking.client.get_run(second.run_id).data.tags
    for tags in (version, run):
        assert f"by {name}" in tags[champion.FORCED]
        assert f"by {name}" in tags[champion.ROLLED_BACK]
        assert tags[champion.DECIDED_BY] == name
        assert "password" not in " ".join(tags.values())


def test_an_error_of_the_registry_is_never_read_as_no_champion(tracking: Tracking) -> None:
    def lost(_: str) -> None:
        raise MlflowException("API request to endpoint failed with error code 404", error_code=ENDPOINT_NOT_FOUND)

    client = SimpleNamespace(search_registered_models=lost, get_model_version_by_alias=lambda *_: lost(""))
    with pytest.raises(ServiceError):
        find_champion(dataclasses.replace(tracking, client=client), NAME)


def judged(champion: str | None, *, passed: bool = True, gate: str = "metric floor") -> Judgement:
    gates = [Gate(name=gate, passed=passed, value=1, limit=1, message="")]
    return Judgement(
        candidate="finetuned", gates=gates, verdict="Promoted: it", champion=champion, comparison=None
    )  # fmt: skip


def run_to_the_registry(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch, judgement: Judgement, data: str = "second", num_rows: int = 100
) -> Decision:
    """Do what the last step of a run does, of a model that was judged so."""
    params = Params.model_validate({"name": NAME})
    context = Context(
        root=Path(tracking.uri.removeprefix("sqlite:///")).parent, params=params, data_version=data, code_version="b"
    )
    run = tracking.client.create_run(tracking.experiment_id)
    monkeypatch.setattr(registry, "render_card", lambda *_, **__: "card")
    made = tracking.client.create_logged_model(tracking.experiment_id, "finetuned", run.info.run_id)
    monkeypatch.setattr(registry, "_log_model", lambda *_: made.model_id)
    fit: Any = SimpleNamespace(name="finetuned")
    review: Any = SimpleNamespace(
        judgement=judgement, predictions=SimpleNamespace(labels=[0] * num_rows), classes=["ham", "spam"]
    )
    return registry.register.fn(context, tracking, fit=fit, run_id=run.info.run_id, review=review)


def test_a_version_whose_champion_could_not_be_scored_is_judged_anew_by_the_next_run_and_only_then_decided(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_to_the_registry(tracking, monkeypatch, judged(None), "first").promoted
    refused = run_to_the_registry(tracking, monkeypatch, judged("1", passed=False, gate=UNSCORED))
    assert not refused.promoted
    assert is_open(tracking, tracking.client.get_model_version(NAME, "2"))
    again = run_to_the_registry(tracking, monkeypatch, judged("1"))
    assert (again.version, again.registered, again.promoted) == ("2", False, True)
    assert find_champion(tracking, NAME) == "2"
    assert not is_open(tracking, tracking.client.get_model_version(NAME, "2"))


def test_a_person_may_decide_where_the_champion_could_not_be_scored_and_no_run_judges_that_anew(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_to_the_registry(tracking, monkeypatch, judged(None), "first")
    run_to_the_registry(tracking, monkeypatch, judged("1", passed=False, gate=UNSCORED))
    promote(tracking, NAME, "2", reason="the old one is lost")
    assert not is_open(tracking, tracking.client.get_model_version(NAME, "2"))
    run_to_the_registry(tracking, monkeypatch, judged("1", passed=False))
    assert find_champion(tracking, NAME) == "2"


def test_challengers_that_the_same_test_rows_have_judged_are_counted_and_on_fewer_rows_for_less(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_to_the_registry(tracking, monkeypatch, judged(None), "first")
    assert count_challengers(tracking, NAME, "1", num_rows=100, but="") == 0
    run_to_the_registry(tracking, monkeypatch, judged("1", passed=False), "second")
    run_to_the_registry(tracking, monkeypatch, judged("1", passed=False), "third", num_rows=50)
    run_to_the_registry(tracking, monkeypatch, judged("1", passed=False, gate=UNSCORED), "unscored")
    assert count_challengers(tracking, NAME, "1", num_rows=100, but="") == 1.5
    own = tracking.client.get_model_version(NAME, "2").tags[FINGERPRINT]
    assert count_challengers(tracking, NAME, "1", num_rows=100, but=own) == 0.5
    assert count_challengers(tracking, NAME, "2", num_rows=100, but="") == 0


@pytest.mark.parametrize("against", [None, "1"], ids=["none", "a champion"])
def test_a_challenger_whose_champion_was_replaced_while_it_was_judged_is_not_promoted_and_says_so(
    tracking: Tracking, monkeypatch: pytest.MonkeyPatch, against: str | None
) -> None:
    run_to_the_registry(tracking, monkeypatch, judged(None), "first")
    run_to_the_registry(tracking, monkeypatch, judged("1", passed=False), "other")
    promote(tracking, NAME, "2", reason="meanwhile")
    late = run_to_the_registry(tracking, monkeypatch, judged(against), "late")
    assert find_champion(tracking, NAME) == "2"
    assert not late.promoted
    assert late.judgement.verdict.startswith("Not promoted: finetuned passed its gates")
    assert run_to_the_registry(tracking, monkeypatch, judged("2"), "late").promoted


REFUSED = [
    pytest.param(lambda tracking: rollback(tracking, NAME), "first champion", id="nothing to go back to"),
    pytest.param(lambda tracking: promote(tracking, NAME, "1", reason="x"), "already", id="champion already"),
    pytest.param(lambda tracking: promote(tracking, NAME, "9", reason="x"), "there are: 1, 2", id="no such version"),
    pytest.param(lambda tracking: promote(tracking, NAME, "one", reason="x"), "there are: 1, 2", id="no number"),
    pytest.param(lambda tracking: promote(tracking, NAME, "2", reason="  "), "--reason", id="no reason"),
    pytest.param(lambda tracking: rollback(tracking, "nobody"), "no champion", id="no model"),
]


@pytest.mark.parametrize(("command", "told"), REFUSED)
def test_a_wrong_command_says_what_is_wrong_and_moves_nothing(command, told: str, *, tracking: Tracking) -> None:  # type: ignore[no-untyped-def]
    register(tracking)
    register(tracking, passed=False)
    with pytest.raises(UsageError, match=told):
        command(tracking)
    assert find_champion(tracking, NAME) == "1"


def test_rollback_refuses_a_version_that_was_rolled_back_or_deleted(tracking: Tracking) -> None:
    register(tracking)
    register(tracking)
    rollback(tracking, NAME)
    promote(tracking, NAME, "2", reason="mended")
    promote(tracking, NAME, "1", reason="or not")
    rollback(tracking, NAME)
    with pytest.raises(UsageError, match="itself rolled back"):
        rollback(tracking, NAME)
    tracking.client.delete_model_version(NAME, "1")
    with pytest.raises(UsageError, match="no version '1'"):
        rollback(tracking, NAME)
