"""What git is to see of a workspace: its .gitignore, also where rules of a repository around it would hide that.

DVC refuses files of its own that git ignores. Rules of a repository, `data/` say, are taken back in the workspace's
.gitignore: git heeds the last rule of the deepest one. A directory that is itself ignored can't be shown that way.
"""

from pathlib import Path

from tasks.versions.git_command import git_root, ignoring_rule
from thawline.errors import UsageError

OURS = """\
# Of this workspace: what `thawline run` makes. dvc.lock and *.dvc are committed.
/.thawline/
/reports/
/data/incoming/
/data/interim/
/data/processed/
/data/quarantine/
/data/raw/*
!/data/raw/*.dvc
!/data/raw/.gitignore
"""
SHOWN = """\
# Seen, though rules of the repository would ignore it.
!/.gitignore
!/.dvcignore
!/.dvc/
!/.dvc/.gitignore
!/.dvc/config
!/params.yaml
!/dvc.yaml
!/dvc.lock
!/data/
/data/*
!/data/workspace_id
!/data/raw/
!/data/arrivals/
!/data/arrivals/*.json
!/data/versions/
!/data/versions/.gitignore
!/data/versions/*.json
!/data/versions/*.dvc
"""
COMMITTED = (
    ".gitignore",
    ".dvc/.gitignore",
    ".dvc/config",
    "params.yaml",
    "dvc.yaml",
    "dvc.lock",
    "data/workspace_id",
    "data/raw/file.csv.dvc",
    "data/arrivals/file.json",
    "data/versions/version.json",
    "data/versions/version.parquet.dvc",
)
"""Of each kind of file that is committed, one; they need not exist."""


def hidden_by_git(root: Path) -> dict[str, str]:
    """Return the rule by which git ignores each of COMMITTED that it does ignore; none where no repository is."""
    rules = {name: ignoring_rule(root / name) for name in COMMITTED} if git_root(root) else {}
    return {name: rule for name, rule in rules.items() if rule}


def with_rules(existing: str, *, shown: bool) -> str:
    """Return a .gitignore with what it lacks for a workspace; its own lines stay as they are, before ours.

    Args:
        existing: The content so far, '' for none.
        shown: Take back rules that would hide what is committed.
    """
    known = {line.strip() for line in existing.splitlines()}
    if shown:
        return _joined(existing, SHOWN + OURS)
    missing = [line for line in OURS.splitlines() if line not in known]
    return _joined(existing, "".join(f"{line}\n" for line in missing))


def require_seen(root: Path) -> None:
    """Refuse a workspace of which git would still not see all that is committed.

    Raises:
        UsageError: The rules that hide it, and the remedy.
    """
    hidden = hidden_by_git(root)
    if hidden:
        shown = "; ".join(f"{name} by the rule {rule}" for name, rule in hidden.items())
        raise UsageError(
            f"git would ignore files of {root} that DVC needs to be seen: {shown}; mend these rules, or make the "
            "workspace elsewhere"
        )


def _joined(existing: str, addition: str) -> str:
    if existing and addition:
        return existing.rstrip("\n") + "\n\n" + addition
    return existing or addition
