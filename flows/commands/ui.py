"""The command `thawline ui`."""

import os
import sys
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, print_json
from thawline.system.console import reply


def ui(
    port: Annotated[int, typer.Option("--port", metavar="PORT", help="Port of MLflow.")] = 5000,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the workspace's runs in MLflow's pages: prints a link to them, and serves them on loopback until Ctrl-C.

    While `thawline up` runs, it has the pages, and this prints new links to them and ends. A link opens its page once,
    within ten minutes.

    Example: thawline ui
    """
    place = open_workspace(workspace)
    from flows.services.programs import Addresses, guard_environment, store_environment
    from flows.services.supervision import require_free_port
    from flows.terminal.pages import list_pages, print_pages
    from tasks.tracking.runs import artifact_location, open_tracking
    from tasks.tracking.saved_view import view_path
    from thawline.params.file import load_params
    from thawline.servers.access import make_link, make_secret
    from thawline.servers.guard import LOOPBACK
    from thawline.servers.up_state import find_up, read_secret
    from thawline.system.addresses import masked

    params = load_params(place)
    tracking = open_tracking(place, params)
    view, running = view_path(tracking.experiment_id), find_up(place)
    if running is not None:
        secret = read_secret(place)
        print_pages(running, secret, view)
        if as_json:
            print_json({name.lower(): link for name, link in list_pages(running, secret, view).items()})
        return
    artifacts = artifact_location(place, params, tracking.uri)
    if artifacts is None:
        address = masked(tracking.uri) + view
        reply.print(f"MLflow   {address}", markup=False, soft_wrap=True)
        if as_json:
            print_json({"mlflow": address})
        return
    addresses, secret = Addresses(LOOPBACK[0], 0, port), make_secret()
    require_free_port(addresses.host, port, "--port")
    os.environ.update({**guard_environment(addresses, secret), **store_environment(tracking.uri, artifacts)})
    from tasks.tracking.mlflow_app import serve

    def tell() -> None:
        link = make_link(addresses.mlflow, secret, view)
        reply.print(f"MLflow   {link}", markup=False, soft_wrap=True)
        reply.print("the link opens the page once, within ten minutes; Ctrl-C ends")
        if as_json:
            print_json({"mlflow": link})
            sys.stdout.flush()

    serve(addresses.host, port, when_ready=tell)
