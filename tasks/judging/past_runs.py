"""Past runs, as the command line shows them."""

from typing import Any

from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from tasks.judging.champion import (
    ABSENT,
    APPROVED,
    DECIDED_BY,
    FORCED,
    REFUSED,
    ROLLED_BACK,
    aliases_of,
    is_open,
    tell_standing,
)
from tasks.results.outcomes import RESULT_FILE, RunResult
from tasks.tracking.runs import ROLE, Tracking, download, find_finished_run, search_runs
from thawline.errors import UsageError
from thawline.scores.metrics import TITLES
from thawline.system.addresses import masked


def list_runs(tracking: Tracking, *, limit: int) -> list[dict[str, Any]]:
    """Return the newest runs of the line, one mapping each; refused and failed ones too."""
    runs = search_runs(tracking, f"tags.`{ROLE}` LIKE 'finetune%'", max_results=limit)
    return [_summarise(run) for run in runs]


def find_run(tracking: Tracking, reference: str) -> Run:
    """Return the run whose id begins with `reference`; 'latest' is the newest.

    Raises:
        UsageError: None or several match.
    """
    runs = search_runs(tracking, f"tags.`{ROLE}` LIKE 'finetune%'")
    matches = runs[:1] if reference == "latest" else [run for run in runs if run.info.run_id.startswith(reference)]
    if len(matches) != 1:
        found = "no run matches" if not matches else f"{len(matches)} runs match"
        raise UsageError(f"{found} {reference!r}; give the beginning of one run id from `thawline runs`, or 'latest'")
    return matches[0]


def load_result(tracking: Tracking, run: Run) -> RunResult | None:
    """Return the result that a run left, with its version's aliases and its store's address as they are now.

    None where it left none.
    """
    if not any(item.path == RESULT_FILE for item in tracking.client.list_artifacts(run.info.run_id)):
        return None
    result = RunResult.model_validate_json(download(tracking, run, RESULT_FILE).read_text(encoding="utf-8"))
    now = {
        "mlflow_uri": masked(tracking.uri),
        "aliases": aliases_of(tracking, result.model, result.version),
        "standing": tell_standing(tracking, result.model, result.version),
    }
    return result.model_copy(update=now)


def find_unchanged_run(key: str, tracking: Tracking) -> RunResult | None:
    """Return the result of a finished run of a work of this key, with its aliases as they are now.

    None, too, where its version is to be judged anew (`tasks.judging.champion.is_open`).
    """
    run = find_finished_run(tracking, key)
    result = None if run is None else load_result(tracking, run)
    if result is None or _is_open(tracking, result):
        return None
    return result.model_copy(update={"unchanged": True, "registered": False})


def _is_open(tracking: Tracking, result: RunResult) -> bool:
    try:
        return is_open(tracking, tracking.client.get_model_version(result.model, result.version))
    except MlflowException as error:
        if error.error_code not in ABSENT:
            raise
        return False


def _summarise(run: Run) -> dict[str, Any]:
    metrics, tags = run.data.metrics, run.data.tags
    main = [name for name in TITLES if f"cv_{name}" in metrics] or ["f1_macro"]
    return {
        "run_id": run.info.run_id,
        "started_ms": run.info.start_time,
        "status": run.info.status,
        "data_version": tags.get("thawline.data_version"),
        **{f"{rows}_{name}": metrics.get(f"{rows}_{name}") for name in main for rows in ("cv", "test")},
        "version": tags.get("thawline.version"),
        "verdict": tags.get("thawline.verdict") or tags.get("thawline.error"),
        "decision": next((tags[tag] for tag in (ROLLED_BACK, FORCED, APPROVED, REFUSED) if tag in tags), None),
        "decided_by": tags.get(DECIDED_BY),
    }
