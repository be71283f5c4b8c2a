"""Who is champion: the alias moves through the gates, by a person's word, and back again. Nothing else is changed.

A version's tags tell its story, and are written before the alias moves, so that a killed process is completed by the
same command or the next run:

- `thawline.promoted`: 'true' or 'false' as the gates said, 'undecided' where the champion could not be scored,
  'waiting' where it passed and a person is to agree; 'forced' or 'rolled back' once a person has decided otherwise.
- `thawline.judged_against`: the champion the gates compared it with. The alias moves by itself only while that
  version still holds it; where another does, the next run of the same data, params and code judges anew.
- `thawline.test_rows`: on how many test rows that was; the next challengers of the same champion have to show more.
- `thawline.champion_since`, `thawline.previous_champion`: set as it becomes champion; such a version is never
  promoted by itself again.
- `thawline.forced`, `thawline.rolled_back`: a person's reason, with the time and who it was; `thawline.approved` and
  `thawline.refused` the same of a version that waited for a person.
- `thawline.decided_by`: who that was, the last who decided.

Callers hold the lock `registry`.
"""

from datetime import UTC, datetime

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_RUN_NOTE
from pydantic import BaseModel, ConfigDict

from tasks.tracking.runs import FINGERPRINT, Tracking, service_errors, set_tags
from thawline.errors import UsageError
from thawline.system.person import who

ALIAS = "champion"
PROMOTED = "thawline.promoted"
JUDGED_AGAINST = "thawline.judged_against"
SINCE = "thawline.champion_since"
PREVIOUS = "thawline.previous_champion"
FORCED = "thawline.forced"
ROLLED_BACK = "thawline.rolled_back"
DECIDED_BY = "thawline.decided_by"
NOBODY = "none"
UNDECIDED = "undecided"
WAITING = "waiting"
WAITS = "Waits for a person: "
"""How the verdict on a version begins that passed its gates and is to be agreed to."""
APPROVED = "thawline.approved"
REFUSED = "thawline.refused"
TEST_ROWS = "thawline.test_rows"
NO_REASON = "no reason given"
ABSENT = frozenset(("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND"))


class Move(BaseModel):
    """What a person's command did to the alias `champion`: who held it, who holds it now, why, and by whom."""

    model_config = ConfigDict(frozen=True)

    model: str
    champion: str
    before: str | None
    forced: bool
    reason: str
    by: str


def find_champion(tracking: Tracking, name: str) -> str | None:
    """Return the version of `name` that holds the alias `champion`; None for none.

    Raises:
        ServiceError: The registry does not answer, which is not the same as no champion.
    """
    with service_errors(tracking.uri):  # a search that finds nothing says so; any error could mean something else
        found = tracking.client.search_registered_models(f"name = '{name}'")
    return next((str(model.aliases[ALIAS]) for model in found if ALIAS in model.aliases), None)


def count_challengers(tracking: Tracking, name: str, champion: str, *, num_rows: int, but: str) -> float:
    """Return how many versions were compared with `champion` on the present test rows, of which there are `num_rows`.

    Test rows stay for ever and new ones come: a comparison on fewer rows counts as the share that they are of today's.

    Args:
        tracking: The open store.
        name: The registered model.
        champion: The version that holds the alias.
        num_rows: Test rows now.
        but: Fingerprint of the version that is judged now, which does not count.
    """
    with service_errors(tracking.uri):
        found = tracking.client.search_model_versions(f"name = '{name}' and tags.`{JUDGED_AGAINST}` = '{champion}'")
    judged = [each.tags for each in found if each.tags.get(FINGERPRINT) != but and each.tags.get(PROMOTED) != UNDECIDED]
    return sum(min(1.0, int(tags.get(TEST_ROWS, num_rows)) / num_rows) for tags in judged)


def aliases_of(tracking: Tracking, name: str, version: str) -> list[str]:
    """Return the aliases that a version holds now."""
    aliases = tracking.client.get_registered_model(name).aliases
    return sorted(alias for alias, holder in aliases.items() if str(holder) == version)


def promote_if_pending(tracking: Tracking, name: str, version: ModelVersion) -> None:
    """Make a version champion if it passed its gates, never was it, and was judged against the one there is."""
    champion, number = find_champion(tracking, name), str(version.version)
    if not _is_pending(version) or champion not in {number, _judged_against(version)}:
        return
    _crown(tracking, name, number, before=None if champion == number else champion)


def is_open(tracking: Tracking, version: ModelVersion) -> bool:
    """Say whether a version is to be judged anew: its champion could not be scored, or is champion no more."""
    if version.tags.get(PROMOTED) == UNDECIDED:
        return True
    holders = {str(version.version), _judged_against(version)}
    return _is_pending(version, WAITING) and find_champion(tracking, version.name) not in holders


def _is_pending(version: ModelVersion, *also: str) -> bool:
    tags = version.tags
    return tags.get(PROMOTED) in {"true", *also} and SINCE not in tags and ROLLED_BACK not in tags


def _judged_against(version: ModelVersion) -> str | None:
    against = version.tags.get(JUDGED_AGAINST, NOBODY)
    return None if against == NOBODY else str(against)


def promote(tracking: Tracking, name: str, version: str, *, reason: str) -> Move:
    """Make `version` champion by a person's word, whatever its gates said; recorded as forced, here and in its run.

    Raises:
        UsageError: No reason is given, there is no such version, or it is champion already.
    """
    reason = _require_reason(reason)
    found = _require_version(tracking, name, version)
    before = find_champion(tracking, name)
    if before == version:
        raise UsageError(f"version {version} of {name!r} is the champion already; nothing was changed")
    if found.tags.get(PROMOTED) == WAITING and before == _judged_against(found):
        approve(tracking, name, version, by=who(), reason=reason)
        return Move(model=name, champion=version, before=before, forced=False, reason=reason, by=who())
    tracking.client.set_model_version_tag(name, version, FORCED, f"{_now()} by {who()}: {reason}")
    tracking.client.set_model_version_tag(name, version, DECIDED_BY, who())
    tracking.client.set_model_version_tag(name, version, PROMOTED, "forced")
    tracking.client.delete_model_version_tag(name, version, ROLLED_BACK)
    _crown(tracking, name, version, before=before)
    _note(tracking, found, FORCED, f"forced to champion in place of version {before or NOBODY}: {reason}")
    return Move(model=name, champion=version, before=before, forced=True, reason=reason, by=who())


def approve(tracking: Tracking, name: str, version: str, *, by: str, reason: str) -> None:
    """Let a version that waits for a person become champion, unless another has become it meanwhile."""
    _decide(tracking, name, version, said=(APPROVED, by, reason), promoted="true")
    promote_if_pending(tracking, name, tracking.client.get_model_version(name, version))


def refuse(tracking: Tracking, name: str, version: str, *, by: str, reason: str) -> None:
    """Let a version that waits for a person stay what it is; `promote` can still make it champion."""
    _decide(tracking, name, version, said=(REFUSED, by, reason), promoted="false")


def _decide(tracking: Tracking, name: str, version: str, *, said: tuple[str, str, str], promoted: str) -> None:
    tag, by, reason = said
    found = _require_version(tracking, name, version)
    tracking.client.set_model_version_tag(name, version, tag, f"{_now()} by {by}: {reason}")
    tracking.client.set_model_version_tag(name, version, DECIDED_BY, by)
    tracking.client.set_model_version_tag(name, version, PROMOTED, promoted)
    what = "agreed to" if tag == APPROVED else "refused"
    _note(tracking, found, tag, f"{what}: {reason}", by=by)


def rollback(tracking: Tracking, name: str, *, reason: str = NO_REASON) -> Move:
    """Give the alias back to the version that held it before the present champion.

    The version it is taken from is never promoted by itself again; `promote` can.

    Raises:
        UsageError: No champion, none before it, or that one is deleted or was itself rolled back.
    """
    before = find_champion(tracking, name)
    if before is None:
        raise UsageError(f"{name!r} has no champion, so nothing can be rolled back; `thawline run` makes one")
    found = _require_version(tracking, name, before)
    previous = found.tags.get(PREVIOUS, NOBODY)
    if previous == NOBODY:
        raise UsageError(
            f"version {before} of {name!r} is its first champion: there is none to go back to; "
            "`thawline promote VERSION --reason ...` takes any version"
        )
    if ROLLED_BACK in _require_version(tracking, name, previous).tags:
        raise UsageError(
            f"version {previous} of {name!r} stood before version {before} and was itself rolled back; take another by "
            "`thawline promote VERSION --reason ...`"
        )
    reason = " ".join(reason.split())[:500] or NO_REASON
    tracking.client.set_model_version_tag(name, before, ROLLED_BACK, f"{_now()} by {who()}: {reason}")
    tracking.client.set_model_version_tag(name, before, DECIDED_BY, who())
    tracking.client.set_model_version_tag(name, before, PROMOTED, "rolled back")
    tracking.client.set_registered_model_alias(name, ALIAS, previous)
    _note(tracking, found, ROLLED_BACK, f"rolled back to version {previous}: {reason}")
    return Move(model=name, champion=previous, before=before, forced=False, reason=reason, by=who())


def tell_standing(tracking: Tracking, name: str, version: str) -> str:
    """Return what became of a version by a person's word, as a sentence; '' where nobody intervened."""
    try:
        tags = tracking.client.get_model_version(name, version).tags
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return f"Version {version} has been deleted."
    if tags.get(PROMOTED) == "rolled back":
        return f"Version {version} was rolled back ({tags[ROLLED_BACK]})."
    if tags.get(PROMOTED) == "forced":
        return f"Version {version} was made champion by force, not by the gates ({tags[FORCED]})."
    if tags.get(PROMOTED) == WAITING:
        return f"Version {version} waits for a person: `thawline promote {version} --reason ...` makes it champion."
    for tag, became in ((APPROVED, "agreed to by a person"), (REFUSED, "not agreed to")):
        if tag in tags:
            return f"Version {version} was {became} ({tags[tag]})."
    return ""


def _crown(tracking: Tracking, name: str, version: str, *, before: str | None) -> None:
    """Move the alias; the tags go first, but for the one that says that it has moved."""
    if before is not None:
        tracking.client.set_model_version_tag(name, version, PREVIOUS, before)
    tracking.client.set_registered_model_alias(name, ALIAS, version)
    tracking.client.set_model_version_tag(name, version, SINCE, _now())


def _require_reason(reason: str) -> str:
    if not reason.strip():
        raise UsageError("--reason is empty; say in a few words why, it stays with the version and its run")
    return " ".join(reason.split())[:500]


def _require_version(tracking: Tracking, name: str, version: str) -> ModelVersion:
    with service_errors(tracking.uri):
        try:
            return tracking.client.get_model_version(name, version)
        except MlflowException as error:
            if error.error_code not in ABSENT:
                raise
            known = [each.version for each in tracking.client.search_model_versions(f"name = '{name}'")]
            there = ", ".join(sorted(map(str, known), key=int)) or "none; `thawline run` makes one"
            raise UsageError(f"{name!r} has no version {version!r}; there are: {there}") from None


def _note(tracking: Tracking, version: ModelVersion, tag: str, text: str, *, by: str | None = None) -> None:
    """Leave a person's decision in the version's description, and in the run that made it, if it is still there."""
    by = by or who()
    note = f"{_now()} by {by}: version {version.version} {text}"
    card = f"> **{note}**\n\n{version.description or ''}"
    tracking.client.update_model_version(version.name, version.version, description=card)
    if not version.run_id:
        return
    try:
        page = tracking.client.get_run(version.run_id).data.tags.get(MLFLOW_RUN_NOTE, "")
        set_tags(tracking, version.run_id, {tag: note, DECIDED_BY: by, MLFLOW_RUN_NOTE: f"> **{note}**\n\n{page}"})
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
