"""Git, asked what it knows: a workspace need not be in a repository, and git need not be installed."""

import subprocess
from pathlib import Path

from thawline.rooms import ROOT

TIMEOUT_S = 60.0


def call_git(directory: Path, *arguments: str) -> tuple[bool, str]:
    """Run `git ARGUMENTS` in a directory; return whether it did what was asked, and what it said."""
    try:
        process = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=TIMEOUT_S,
        )
    except FileNotFoundError as error:
        return False, f"git can't be started: {error.strerror} ({error.filename})"
    except subprocess.TimeoutExpired:
        return False, f"git {arguments[0]} has not ended within {TIMEOUT_S:g} s"
    done = process.returncode == 0
    return done, process.stdout.strip() if done else (process.stderr + process.stdout).strip()


def git_root(directory: Path) -> Path | None:
    """Return the root of the repository around a directory, None outside of one."""
    inside, root = call_git(directory, "rev-parse", "--show-toplevel")
    return Path(root).resolve() if inside and root else None


def read_git_commit(directory: Path) -> str | None:
    """Return the git commit that `directory` is at, with '+changes' where files differ from it; None outside git."""
    known, commit = call_git(directory, "rev-parse", "HEAD")
    if not known:
        return None
    _, changes = call_git(directory, "status", "--porcelain", "--untracked-files=no")
    return commit + ("+changes" if changes else "")


def read_code_commit() -> str | None:
    """Return the commit of this product's clone; None where it is installed, be it in somebody else's repository."""
    return read_git_commit(ROOT) if git_root(ROOT) == ROOT else None


def ignoring_rule(path: Path) -> str | None:
    """Return the rule, FILE:LINE:PATTERN, by which git ignores a path; None where it does not, or where no git is."""
    near = next(place for place in path.parents if place.is_dir())
    ignored, said = call_git(near, "check-ignore", "--no-index", "--verbose", str(path))
    rule = said.partition("\t")[0]
    return rule if ignored and not rule.split(":", 2)[-1].startswith("!") else None
