"""The links by which the owner opens the pages of our servers, as `thawline up` and `thawline ui` print them."""

import os

from thawline.servers.access import make_link
from thawline.servers.up_state import UpState
from thawline.system.console import reply

JOURNAL = "JOURNAL_STREAM"
"""Set by systemd where what is printed goes to its journal, which others read: no link belongs there."""


def list_pages(state: UpState, secret: str, view: str) -> dict[str, str]:
    """Return an address for each server that runs: of our own a link, good once; `view` is MLflow's page to open."""
    prefect = make_link(state.prefect, secret) if state.own_prefect else state.prefect
    return {"Prefect": prefect, "MLflow": make_link(state.mlflow, secret, view) if state.own_mlflow else state.mlflow}


def print_pages(state: UpState, secret: str, view: str) -> None:
    """Print the addresses of the servers, as links where only the owner reads them."""
    if JOURNAL in os.environ:
        reply.print(f"Prefect  {state.prefect}\nMLflow   {state.mlflow}", markup=False, soft_wrap=True)
        reply.print("`thawline ui`, in the workspace, prints links that open them")
        return
    for name, address in list_pages(state, secret, view).items():
        reply.print(f"{name:<7}  {address}", markup=False, soft_wrap=True)
    reply.print("each link opens its page once, within ten minutes; `thawline ui` prints others", markup=False)
