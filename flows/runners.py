"""Where the folds are trained: here, in processes of this machine, or on Ray. The only place that knows Ray."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from typing import Any

from prefect import Task
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.task_runners import ProcessPoolTaskRunner, TaskRunner
from prefect.utilities.engine import collect_task_run_inputs_sync, link_state_to_task_run_result

from tasks.edges import after
from thawline.errors import UsageError
from thawline.params import Params

NODE_DEATHS = 5  # how often a task is begun anew, elsewhere, because its node is gone


_RUNNER: ContextVar["TaskRunner[Any] | None"] = ContextVar("runner", default=None)


@contextmanager
def workers(params: Params) -> Iterator["TaskRunner[Any] | None"]:
    """Keep the workers that `params.runner` asks for, until the block ends; None where all is done here.

    A worker imports for some 15 s: what calls `run_all` several times keeps them in between.

    Raises:
        UsageError: `params.runner` asks for Ray, which is not installed.
    """
    if params.runner.kind == "local" or _RUNNER.get() is not None:
        yield _RUNNER.get()
        return
    server = {PREFECT_API_URL: _server_url()}  # this run's: each worker would start one of its own
    with temporary_settings(server), _open(params) as runner, _resources(params):
        token = _RUNNER.set(runner)
        try:
            yield runner
        finally:
            _RUNNER.reset(token)


def run_all(
    params: Params, task: Task[..., Any], calls: Sequence[dict[str, Any]], needed: Sequence[object] = ()
) -> list[Any]:
    """Run a task once for each mapping of arguments, where `params.runner` says; return the results in order.

    Args:
        params: Say where.
        task: What is run.
        calls: Its arguments, by name.
        needed: Results that each run comes after, beside those among its arguments.

    Raises:
        UsageError: `params.runner` asks for Ray, which is not installed.
        ThawlineError: What the task raises.
    """
    with workers(params) as runner:
        if runner is None:
            return [after(task, needed)(**call) for call in calls]
        futures = [runner.submit(task, call, dependencies=_inputs(call, needed)) for call in calls]
        results = [future.result() for future in futures]
        for future, result in zip(futures, results, strict=True):  # a result from elsewhere is a copy, of no task yet
            link_state_to_task_run_result(future.state, result)
        return results


def _inputs(call: dict[str, Any], needed: Sequence[object]) -> dict[str, set[Any]]:
    """Return the task runs that arguments come from, which their copies in another process do not tell."""
    found: dict[str, set[Any]] = {name: collect_task_run_inputs_sync(value) for name, value in call.items()}
    found[next(iter(call))] |= collect_task_run_inputs_sync(list(needed))
    return found


def _open(params: Params) -> "TaskRunner[Any]":
    if params.runner.kind == "process":
        return ProcessPoolTaskRunner(max_workers=params.runner.num_workers)
    try:
        from prefect_ray import RayTaskRunner
    except ImportError as error:
        raise UsageError(
            f"runner.kind is 'ray', but {error.name} is missing; run `pip install -e .[ray]`, or set it to 'process'"
        ) from error
    runner: TaskRunner[Any] = RayTaskRunner(address=params.runner.address, init_kwargs=_ray_settings(params))
    return runner


def _resources(params: Params) -> AbstractContextManager[Any]:
    """Say what each task needs of a cluster, for the tasks handed over in the block."""
    if params.runner.kind != "ray":
        return nullcontext()
    from prefect_ray.context import remote_options

    needed: AbstractContextManager[Any] = remote_options(
        num_cpus=params.runner.cpus_per_task, num_gpus=params.runner.gpus_per_task, max_retries=NODE_DEATHS
    )
    return needed


def _ray_settings(params: Params) -> dict[str, Any]:
    settings: dict[str, Any] = {"runtime_env": {"env_vars": _environment()}}
    if params.runner.address is None:
        settings |= {"address": "local", "num_cpus": params.runner.num_workers, "include_dashboard": False}
    return settings


def _environment() -> dict[str, str]:
    names = [name for name in os.environ if name.startswith(("PREFECT_", "MLFLOW_", "OMP_", "HF_", "PYTHONPATH"))]
    return {name: os.environ[name] for name in names} | {"PREFECT_API_URL": _server_url()}


def _server_url() -> str:
    url = os.environ.get("PREFECT_API_URL")
    if not url:
        raise UsageError(
            "PREFECT_API_URL is not set, and each worker would start a Prefect server of its own; set it to one, or "
            "use `thawline run`, which starts one for all"
        )
    return url
