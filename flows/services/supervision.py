"""Everything that a workspace needs to run by itself, as processes that are watched over: `thawline up`.

- Each process is started again when it ends, after a pause that doubles up to a minute.
- All carry a mark (`thawline/servers/up_state.py`): a start begins by ending what an earlier one, killed, has left
  behind, and a stop ends what is left, training included: it goes on where it was at the next start.
- Servers are waited for by their health, and given up with the end of their log. Later they are asked again and again:
  one that hangs is silent, though it has not ended; it is killed and so starts anew.
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import httpx

from thawline.errors import ServiceError, UsageError
from thawline.rooms import SAFE_PATH
from thawline.servers.up_state import MARK
from thawline.system.console import reply
from thawline.system.files import storage_errors
from thawline.workspace import Workspace

START_TIMEOUT_S = 180.0
POLL_S = 0.5
LOOK_S, ANSWER_S, SILENT_LOOKS = 15.0, 10.0, 4
"""How often a server is asked, how long it may take, how often in a row it may be silent: it may have much to do."""
MAX_PAUSE_S = 60.0
MAX_LOG_BYTES = 20_000_000


@dataclass
class Service:
    """A process that is to run.

    `address` is where somebody answers, other than that it is not there, once it does; None if nobody waits for that.
    `login` is what is asked for there. `is_server` says that it is this process who answers there.
    """

    name: str
    arguments: Sequence[str]
    address: str | None = None
    login: tuple[str, str] | None = None
    is_server: bool = False
    process: subprocess.Popen[bytes] | None = None
    pause_s: float = 1.0
    start_at: float = field(default=0.0)
    look_at: float = field(default=0.0)
    num_silent: int = 0


class Stopped(Exception):  # noqa: N818 - no error: somebody asked for it
    """Somebody asked for the end: Ctrl-C or SIGTERM."""


def require_free_port(host: str, port: int, option: str) -> None:
    """Raise if a port is taken.

    Raises:
        UsageError: It is; names the option that asks for another.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise UsageError(
                f"{host}:{port} can't be bound ({error.strerror}); end what uses it, or give another: {option} PORT"
            ) from None


def run_services(
    workspace: Workspace,
    stages: Sequence[Sequence[Service]],
    *,
    environment: Mapping[str, str],
    when_ready: Callable[[], None],
) -> None:
    """Start services, the stages one after the other, and watch over them until SIGTERM or Ctrl-C.

    Args:
        workspace: Its .thawline/logs gets their output.
        stages: Services that may start together; each stage waits until those before it answer.
        environment: What they see beside this process's own environment.
        when_ready: Called once when all have started.

    Raises:
        ServiceError: One does not answer in time, or ends before it does.
    """
    signal.set_wakeup_fd(-1)  # the end takes as long as what was started needs
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    variables = {**os.environ, **environment, MARK: str(workspace.root), **SAFE_PATH}  # Prefect starts Python here
    services: list[Service] = []
    try:
        for stage in stages:
            for service in stage:
                _start(workspace, service, variables)
                services.append(service)
            for service in stage:
                _wait_for_answer(workspace, service)
        when_ready()
        while True:
            for service in services:
                _end_silent(service)
                _keep_alive(workspace, service, variables)
                _cut_log(_log_path(workspace, service))
            time.sleep(POLL_S)
    except Stopped:
        return
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        for service in reversed(services):
            if service.process is not None and service.process.poll() is None:
                service.process.terminate()


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise Stopped


def _start(workspace: Workspace, service: Service, variables: Mapping[str, str]) -> None:
    """Start a service in a session of its own, so that Ctrl-C reaches only us, and we end all in order."""
    with storage_errors():
        log = _log_path(workspace, service)
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.is_file() and log.stat().st_size:
            log.replace(log.with_suffix(".previous.log"))
        with log.open("ab") as output:  # to append goes on at the beginning when it is cut
            service.process = subprocess.Popen(
                [sys.executable, "-P", "-m", *service.arguments],  # nothing of the workspace is imported
                cwd=workspace.root,
                env=dict(variables),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    service.start_at = time.monotonic()
    service.look_at, service.num_silent = service.start_at + START_TIMEOUT_S, 0  # until then it may be starting


def _end_silent(service: Service) -> None:
    """Kill a server that did not answer `SILENT_LOOKS` times in a row."""
    if not service.is_server or service.process is None or time.monotonic() < service.look_at:
        return
    service.num_silent = 0 if _answers(service, ANSWER_S) else service.num_silent + 1
    service.look_at = time.monotonic() + LOOK_S
    if service.num_silent >= SILENT_LOOKS:
        reply.print(f"{service.name} runs and is silent; it is ended and starts again", style="yellow", markup=False)
        service.num_silent = 0
        _end_rest(service.process.pid)


def _answers(service: Service, timeout_s: float) -> bool:
    """Tell whether somebody answers at a service's address, other than that it is not there."""
    assert service.address is not None  # noqa: S101 - only asked of those that have one
    try:
        code = httpx.get(service.address, auth=service.login, timeout=timeout_s).status_code
    except httpx.HTTPError:
        return False
    return code < 500 and code != httpx.codes.NOT_FOUND


def _keep_alive(workspace: Workspace, service: Service, variables: Mapping[str, str]) -> None:
    if service.process is not None and service.process.poll() is not None:
        code = service.process.returncode
        ran_s = time.monotonic() - service.start_at
        service.pause_s = 1.0 if ran_s > MAX_PAUSE_S else min(2 * service.pause_s, MAX_PAUSE_S)
        _end_rest(service.process.pid)
        service.process, service.start_at = None, time.monotonic() + service.pause_s
        reply.print(
            f"{service.name} ended with code {code} after {ran_s:.0f} s; it starts again in {service.pause_s:.0f} s "
            f"(log: {_log_path(workspace, service)})",
            style="yellow",
            markup=False,
            soft_wrap=True,
        )
    if service.process is None and time.monotonic() >= service.start_at:
        _start(workspace, service, variables)


def _cut_log(log: Path) -> None:
    """Begin a log anew once it is long; what it held until then replaces the one before."""
    with storage_errors():
        if log.is_file() and log.stat().st_size > MAX_LOG_BYTES:
            shutil.copyfile(log, log.with_suffix(".previous.log"))
            os.truncate(log, 0)


def _end_rest(session: int) -> None:
    """End what an ended service had started: it would hold the port that the next one needs."""
    with suppress(ProcessLookupError):
        os.killpg(session, signal.SIGKILL)


def _wait_for_answer(workspace: Workspace, service: Service) -> None:
    """Wait until a service answers at its address.

    Raises:
        ServiceError: It does not in time, or it ended.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while service.address is not None:
        if _answers(service, 5):
            service.look_at = time.monotonic() + LOOK_S
            return
        assert service.process is not None  # noqa: S101 - it was started just before
        ended = service.process.poll() is not None
        if ended or time.monotonic() > deadline:
            what = f"ended with code {service.process.returncode}" if ended else f"is silent for {START_TIMEOUT_S:g} s"
            log = _log_path(workspace, service)
            tail = "\n".join(log.read_text(errors="replace").strip().splitlines()[-8:])
            raise ServiceError(f"{service.name} {what}; its log, {log}, ends:\n{tail}\nmend that and start again")
        time.sleep(POLL_S)


def _log_path(workspace: Workspace, service: Service) -> Path:
    return workspace.state / "logs" / f"{service.name}.log"
