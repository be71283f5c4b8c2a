"""What a run takes of its machine, as MLflow shows it: processor, memory, disk, network and GPU over time."""

from collections.abc import Iterator
from contextlib import contextmanager

from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

from tasks.tracking.runs import Tracking


@contextmanager
def watch_system(tracking: Tracking, run_id: str, *, wanted: bool) -> Iterator[None]:
    """Log `system/...` metrics of the run during the block, if they are wanted: one sample each ten seconds.

    MLflow's switch for all runs hangs on its active run, which nothing here uses, so its monitor is given the run. It
    warns where the store doesn't answer, and watches no further; `MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL` (seconds)
    says how often.
    """
    if not wanted:
        yield
        return
    monitor = SystemMetricsMonitor(run_id, tracking_uri=tracking.uri)
    monitor.start()
    try:
        yield
    finally:
        monitor.finish()
