"""Commits by the machine, where `versioning.commit` asks for them: what says which data there is, and nothing else.

A commit is of its paths only: what a person has staged stays staged. One that fails (a hook, a rebase under way) is
told of and made up for by the next; no run ends because of it.
"""

import logging

from tasks.versions.git_command import call_git, git_root
from thawline.params import Params
from thawline.system.console import console
from thawline.workspace import Workspace

log = logging.getLogger(__name__)

RECORDS = (
    ".dvc/config",
    ".dvc/.gitignore",
    "data/arrivals",
    "data/raw",
    "data/versions",
    "data/workspace_id",
    "dvc.lock",
    "dvc.yaml",
)
"""Of these git sees what the workspace's .gitignore lets it see: tracks and entries, no data."""
MACHINE = ("-c", "user.name=thawline", "-c", "user.email=thawline@localhost")
"""Who commits where git knows nobody."""


def commit_records(workspace: Workspace, params: Params, message: str) -> str | None:
    """Commit the records of the data, if that is asked for and they have changed; call it under the lock `data`.

    Returns:
        The commit; None where there was nothing to commit, or git refused.
    """
    if not params.versioning.commit:
        return None
    root = workspace.root
    if git_root(root) is None:
        _warn("versioning.commit is set, but no git repository is around the workspace; `git init` makes one")
        return None
    known = call_git(root, "ls-files", "--", *RECORDS)[1].splitlines()
    paths = [path for path in RECORDS if (root / path).exists() or any(name.startswith(path) for name in known)]
    added, said = call_git(root, "add", "--all", "--", *paths)
    if not added:
        _warn(f"git did not take the records of the data: {said}")
        return None
    changed = call_git(root, "diff", "--cached", "--name-only", "--relative", "--", *paths)[1]
    if not changed:
        return None
    has_name = call_git(root, "config", "user.email")[0]
    done, said = call_git(root, *(() if has_name else MACHINE), "commit", "--message", message, "--only", "--", *paths)
    if not done:
        _warn(f"git did not commit the records of the data: {said}; the next run tries again")
        return None
    commit = call_git(root, "rev-parse", "HEAD")[1]
    log.info("committed %s as %s", changed.splitlines(), commit)
    return commit


def _warn(message: str) -> None:
    log.warning("%s", message)
    console.print(f"  warning: {message}", style="yellow", markup=False)
