"""Making a workspace: directories, a params.yaml that teaches, a DVC repository, the first data, MLflow's database."""

import re
import shutil
from pathlib import Path

from modalities import get_modality
from tasks.raw_data import accept_file
from tasks.versioning import init_dvc
from thawline.errors import UsageError
from thawline.files import storage_errors, write_atomically
from thawline.garbage import importing
from thawline.lock import lock_workspace
from thawline.meanwhile import meanwhile
from thawline.params import Params
from thawline.params_file import parse_params
from thawline.params_reference import render_params
from thawline.workspace import Workspace

IGNORED = "/.thawline/\n/reports/\n/data/incoming/\n/data/interim/\n/data/processed/\n/data/quarantine/\n"


def initialise(directory: Path, data: Path, params: Params) -> tuple[Workspace, int]:
    """Make a workspace in `directory` with `data` as its first arrival.

    The data is read first: nothing is made where it can't be.

    Returns:
        The workspace and the number of rows read.

    Raises:
        UsageError: `directory` is a workspace already, or lies inside `data`.
        UnreadableFileError: `data` can't be read with the columns that `params` names.
    """
    workspace = Workspace(directory.expanduser().resolve())
    if workspace.params_file.exists():
        raise UsageError(
            f"{workspace.root} is a workspace already (it has params.yaml); change that file, or name another"
        )
    if workspace.root.is_relative_to(data.expanduser().resolve()):
        raise UsageError(f"{workspace.root} lies inside the data, {data}; make the workspace beside it, not in it")
    num_rows = len(get_modality(params.modality).read(data, params))
    with storage_errors():
        for path in (workspace.incoming, workspace.raw, workspace.quarantine, workspace.reports, workspace.state):
            path.mkdir(parents=True, exist_ok=True)
        with lock_workspace(workspace), meanwhile(lambda: _make_database(workspace, params)):  # most is DVC's
            shutil.copyfile(Path(__file__).resolve().parent.parent / "dvc.yaml", workspace.root / "dvc.yaml")
            if not (workspace.root / ".gitignore").exists():
                write_atomically(workspace.root / ".gitignore", IGNORED.encode())
            init_dvc(workspace)
            accept_file(workspace, params, data)
            write_atomically(workspace.params_file, render_params(params).encode())
    return workspace, num_rows


def _make_database(workspace: Workspace, params: Params) -> None:
    with importing():
        from tasks.tracking import make_database

    make_database(workspace, params)


def params_for(directory: Path, *, modality: str, columns: dict[str, str]) -> Params:
    """Return default params for a new workspace, named after its directory.

    Args:
        directory: The workspace to be.
        modality: Name of a modality.
        columns: Values of the params section `ingest`, such as `label_column`.
    """
    defaults = get_modality(modality).defaults
    name = re.sub(r"[^A-Za-z0-9_-]+", "-", directory.expanduser().resolve().name).strip("-_") or "classifier"
    values = {"name": name, "modality": modality, "ingest": columns, **defaults}
    return parse_params(values, source="the command line")
