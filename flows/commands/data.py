"""The commands `thawline data ...`: versions of the data, what changed between them, copies elsewhere, rows out."""

from pathlib import Path
from typing import Annotated

import typer

from flows.terminal.options import JsonOption, WorkspaceOption, open_workspace, pass_on, print_json
from thawline.system.console import reply

app = typer.Typer(invoke_without_command=True)


@app.callback(invoke_without_command=True)
def data(context: typer.Context, workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """List the versions of the data, the newest last: rows, classes, checks and date of each.

    A version is a state of the data that passed its checks; its name is the data version that runs show. `diff` tells
    what changed; `push` and `pull` copy to and from the remote; `replace` and `remove` are how rows are relabelled or
    taken out: accepted files themselves never change.

    Example: thawline data diff previous latest
    """
    if context.invoked_subcommand is not None:
        pass_on(context, workspace=workspace, as_json=as_json)
        return
    place = open_workspace(workspace)
    from flows.terminal.data_tables import print_versions
    from tasks.versions.version_records import list_versions

    versions = list_versions(place)
    print_versions(versions)
    if as_json:
        latest = versions[-1].version if versions else None
        print_json({"latest": latest, "versions": [entry.model_dump(mode="json") for entry in versions]})


@app.command()
def diff(
    before: Annotated[
        str | None, typer.Argument(metavar="[A]", help="A version: its beginning, 'latest', 'previous' or 'now'.")
    ] = None,
    after: Annotated[
        str | None,
        typer.Argument(metavar="[B]", help="Another; without it 'latest', or 'now' if data/raw has changed."),
    ] = None,
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say what changed from version A to version B: rows added, removed and relabelled, and the classes' shares.

    'now' is data/raw as it is, recorded or not. Rows are told apart by content: moving or renaming files changes none.
    Without names: what changed last.

    Example: thawline data diff previous latest
    """
    place = open_workspace(workspace)
    from flows.terminal.data_tables import print_difference
    from tasks.versions.version_records import compare_versions
    from thawline.params.file import load_params

    difference = compare_versions(place, load_params(place), before, after)
    print_difference(difference)
    if as_json:
        print_json(difference.model_dump(mode="json"))


@app.command()
def push(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Copy to the remote (`versioning.remote`) what it lacks of all data files.

    A run does so at its end; this is for afterwards, when the remote did not answer.

    Example: AWS_PROFILE=work thawline data push
    """
    place = open_workspace(workspace)
    from tasks.versions.remotes import push as push_files
    from tasks.versions.remotes import set_remote
    from thawline.params.file import load_params
    from thawline.system.lock import WAIT_S, lock_workspace

    params = load_params(place)
    with lock_workspace(place, "data", wait_s=WAIT_S):
        num_files = push_files(place, params)
        remote = set_remote(place, params)
    reply.print(f"{num_files} files pushed to {remote}", markup=False)
    if as_json:
        print_json({"remote": remote, "files": num_files})


@app.command()
def pull(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Bring from the remote (`versioning.remote`) what is missing here of all data files.

    A run brings the files that it needs by itself.

    Example: git clone REPOSITORY && cd REPOSITORY && thawline data pull
    """
    place = open_workspace(workspace)
    from tasks.versions.remotes import pull as pull_files
    from tasks.versions.remotes import set_remote
    from thawline.params.file import load_params
    from thawline.system.lock import WAIT_S, lock_workspace

    params = load_params(place)
    with lock_workspace(place, "training"), lock_workspace(place, "data", wait_s=WAIT_S):  # rows of the stages, too
        num_files = pull_files(place, params)
        remote = set_remote(place, params)
    reply.print(f"{num_files} files pulled from {remote}", markup=False)
    if as_json:
        print_json({"remote": remote, "files": num_files})


@app.command()
def remove(
    name: Annotated[str, typer.Argument(metavar="FILE", help="Name of an accepted file, as in data/raw.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept beside the file.")] = "removed",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an accepted file, and so its rows, out of the data.

    The file goes to data/quarantine with the reason beside it. Old versions still know its rows, and rows that come
    back are train or test as they were.

    Example: thawline data remove mails-8e405605.csv --reason "consent withdrawn"
    """
    place = open_workspace(workspace)
    from tasks.versions.raw_data import remove_raw_file
    from thawline.system.lock import WAIT_S, lock_workspace

    with lock_workspace(place, "data", wait_s=WAIT_S):
        kept = remove_raw_file(place, Path(name).name, reason)
    reply.print(f"{name} is out of the data{f', kept as {kept}' if kept else ''}; `thawline run` goes on without it")
    if as_json:
        print_json({"removed": Path(name).name, "kept": str(kept) if kept else None})


@app.command()
def replace(
    old: Annotated[str, typer.Argument(metavar="OLD", help="Name of an accepted file, as in data/raw.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The file that takes its place, e.g. with mended labels.")],
    reason: Annotated[
        str, typer.Option("--reason", metavar="TEXT", help="Why; kept beside the old file.")
    ] = "replaced",
    workspace: WorkspaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a file in the place of an accepted one: how rows are relabelled, mended, or some of them taken out.

    NEW is checked first, against all other data; where it is not fit (exit code 3) nothing changes. The old file goes
    to data/quarantine. `thawline data diff` then shows the difference, before and after the next run.

    Example: thawline data replace mails-8e405605.csv mended.csv --reason "12 labels mended"
    """
    place = open_workspace(workspace)
    from tasks.checking.validate import refuse_if_critical
    from tasks.versions.prepare import print_report
    from tasks.versions.raw_data import replace_raw_file
    from thawline.params.file import load_params
    from thawline.system.lock import WAIT_S, lock_workspace

    with lock_workspace(place, "data", wait_s=WAIT_S):
        report, accepted = replace_raw_file(place, load_params(place), old=Path(old).name, new=new, reason=reason)
    print_report(report, reply)
    refuse_if_critical(report)
    reply.print(f"{accepted} takes the place of {old}; `thawline run` goes on with it", markup=False)
    if as_json:
        print_json({"removed": Path(old).name, "accepted": str(accepted)})
