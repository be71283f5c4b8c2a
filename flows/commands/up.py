"""The command `thawline up`."""

import os
import sys
from typing import Annotated

import typer

from flows.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.console import console
from thawline.errors import UsageError


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

    Starts a Prefect server, MLflow, the schedules and the watcher, prints the two addresses, and runs until Ctrl-C.
    PREFECT_API_URL, MLFLOW_TRACKING_URI and tracking.mlflow_uri point at servers that run already.

    Example: thawline up, then in another terminal: cp mails.csv data/incoming/
    """
    place = open_workspace(workspace)
    from flows.services import (
        Addresses,
        list_services,
        read_login,
        security_environment,
        server_environment,
        store_environment,
    )
    from flows.up import run_services
    from tasks.tracking import artifact_location, open_tracking
    from thawline.addresses import masked
    from thawline.params_file import load_params
    from thawline.up_state import end_processes, find_up, forget_up, note_up

    running = find_up(place)
    if running is not None:
        raise UsageError(
            f"process {running.pid} runs this workspace already (MLflow: {running.mlflow}); end it first: "
            f"kill {running.pid}"
        )
    left = end_processes(place)
    if left:
        console.print(f"ended {left} processes that an earlier `thawline up` had left behind")
    login = read_login(host)
    addresses = Addresses(host, prefect_port, mlflow_port)
    params = load_params(place)
    store = open_tracking(place, params).uri  # makes the database before two servers would
    foreign_mlflow, foreign_prefect = store.startswith("http"), os.environ.get("PREFECT_API_URL")
    prefect_api = foreign_prefect or f"{addresses.prefect}/api"
    mlflow = masked(store) if foreign_mlflow else addresses.mlflow
    stages = list_services(
        place,
        addresses,
        artifacts=artifact_location(place, params, store),
        foreign_prefect=foreign_prefect is not None,
        prefect_api=prefect_api,
        login=login,
    )
    environment = {
        "PREFECT_API_URL": prefect_api,
        "PREFECT_UI_API_URL": prefect_api,
        **server_environment(),
        **({} if foreign_mlflow else store_environment(store)),
        **security_environment(place, login),
    }

    def tell() -> None:
        console.print(f"Prefect  {prefect_api.removesuffix('/api')}\nMLflow   {mlflow}", markup=False)
        console.print(f"drop files into {place.incoming}; Ctrl-C ends all", markup=False, soft_wrap=True)
        if as_json:
            print_json({"prefect": prefect_api.removesuffix("/api"), "mlflow": mlflow, "pid": os.getpid()})
            sys.stdout.flush()

    note_up(place, prefect_api=prefect_api, mlflow=mlflow)
    try:
        run_services(place, stages, environment=environment, when_ready=tell)
    finally:
        end_processes(place)
        forget_up(place)
    console.print("all ended; what was under way goes on at the next start")
