"""A run shows what it takes of its machine where that is wanted, and nothing watches after it."""

import threading
import time
from pathlib import Path

import pytest

from tasks.tracking.runs import Tracking, open_tracking, start_run
from tasks.tracking.system_metrics import watch_system
from thawline.params import Params
from thawline.workspace import Workspace


def fail_after(seconds: float, tracking: Tracking, run_id: str, *, wanted: bool) -> None:
    with watch_system(tracking, run_id, wanted=wanted):
        time.sleep(seconds)
        raise ZeroDivisionError


def test_what_a_run_takes_is_logged_only_where_it_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.05")
    tracking = open_tracking(Workspace(tmp_path), Params.model_validate({"name": "mails"}))
    logged = {}
    for wanted in (True, False):
        run_id = start_run(tracking, "one", role="finetune")
        with pytest.raises(ZeroDivisionError):
            fail_after(1.0 if wanted else 0.2, tracking, run_id, wanted=wanted)
        logged[wanted] = set(tracking.client.get_run(run_id).data.metrics)
    assert {"system/cpu_utilization_percentage", "system/system_memory_usage_megabytes"} <= logged[True]
    assert logged[False] == set()
    assert "SystemMetricsMonitor" not in {thread.name for thread in threading.enumerate()}
