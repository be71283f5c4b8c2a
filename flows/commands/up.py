"""The command `thawline up`."""

import os
import sys
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.errors import UsageError
from thawline.system.console import reply


def up(
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="ADDRESS",
            help="Where the servers listen. Beyond 127.0.0.1 they ask for the login that the environment variable "
            "THAWLINE_LOGIN holds (USER:PASSWORD).",
        ),
    ] = "127.0.0.1",
    prefect_port: Annotated[int, typer.Option("--prefect-port", metavar="PORT", help="Port of Prefect.")] = 4200,
    mlflow_port: Annotated[int, typer.Option("--mlflow-port", metavar="PORT", help="Port of MLflow.")] = 5000,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the workspace by itself: files dropped into data/incoming are taken, and trained on when they are enough.

    Starts a Prefect server, MLflow, the schedules and the watcher, prints a link to the pages of both servers, and runs
    until Ctrl-C, which gives the servers up to ten seconds to end. PREFECT_API_URL, MLFLOW_TRACKING_URI and
    tracking.mlflow_uri point at servers that run already.

    Example: thawline up, then in another terminal: cp mails.csv data/incoming/
    """
    place = open_workspace(workspace)
    from flows.services.programs import (
        Addresses,
        guard_environment,
        list_services,
        prefect_environment,
        require_login,
        store_environment,
    )
    from flows.services.supervision import run_services
    from flows.terminal.pages import print_pages
    from tasks.arriving.announcements import server_key
    from tasks.tracking.runs import artifact_location, open_tracking
    from tasks.tracking.saved_view import view_path
    from thawline.params.file import load_params
    from thawline.servers.access import make_secret
    from thawline.servers.processes import began
    from thawline.servers.up_state import UpState, end_processes, find_up, forget_up, note_up
    from thawline.system.addresses import masked

    running = find_up(place)
    if running is not None:
        raise UsageError(
            f"process {running.pid} runs this workspace already (MLflow: {running.mlflow}); `thawline ui` prints links "
            f"to its pages; end it first: kill {running.pid}"
        )
    left = end_processes(place)
    if left:
        reply.print(f"ended {left} processes that an earlier `thawline up` had left behind")
    require_login(host)
    addresses = Addresses(host, prefect_port, mlflow_port)
    params = load_params(place)
    tracking = open_tracking(place, params)  # makes the database before two servers would
    artifacts = artifact_location(place, params, tracking.uri)
    foreign_prefect, secret = os.environ.get("PREFECT_API_URL"), make_secret()
    state = UpState(
        pid=os.getpid(),
        began=began() or "",
        prefect_api=foreign_prefect or f"{addresses.prefect}/api",
        mlflow=addresses.mlflow if artifacts else masked(tracking.uri),
        root=str(place.root),
        own_prefect=not foreign_prefect,
        own_mlflow=artifacts is not None,
    )
    stages = list_services(
        place,
        addresses,
        secret=secret,
        prefect_api=state.prefect_api,
        own_prefect=state.own_prefect,
        own_mlflow=state.own_mlflow,
        key=server_key(place, params),
    )
    environment = {
        "PREFECT_API_URL": state.prefect_api,
        **guard_environment(addresses, secret),
        **(prefect_environment(addresses, secret) if state.own_prefect else {}),
        **(store_environment(tracking.uri, artifacts) if artifacts else {}),
    }

    def tell() -> None:
        print_pages(state, secret, view_path(tracking.experiment_id))
        reply.print(f"drop files into {place.incoming}; Ctrl-C ends all", markup=False, soft_wrap=True)
        if as_json:
            print_json({"prefect": state.prefect, "mlflow": state.mlflow, "pid": os.getpid()})
            sys.stdout.flush()

    note_up(place, state, secret)
    try:
        run_services(place, stages, environment=environment, when_ready=tell)
    finally:
        end_processes(place)
        forget_up(place)
    reply.print("all ended; what was under way goes on at the next start")
