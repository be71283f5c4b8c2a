"""Making a past run again, in a workspace of its own, and comparing every number.

- The run keeps its params, dvc.lock, and which files lay in data/raw by their hashes; the bytes come from the present
  data/raw, DVC's cache or its remote. The split ledger comes back too: without it old rows could change sides.
- The code is that of the run's git commit, if this product's repository has it; else the present one, and that is said.
- The second run is another process with a tracking store of its own: nothing in the workspace changes.
"""

import configparser
import hashlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from mlflow.entities import Run
from pydantic import BaseModel, ConfigDict
from ruamel.yaml import YAML

from tasks.judging.past_runs import load_result
from tasks.results.outcomes import RunResult
from tasks.tracking.runs import Tracking, download
from tasks.versions.dvc_repo import run_dvc
from tasks.versions.git_command import call_git, read_code_commit
from thawline.context import hash_code
from thawline.errors import DataRefusedError, DvcError, ThawlineError, UsageError
from thawline.params import Params
from thawline.params.reference import render_params
from thawline.rooms import ROOT
from thawline.system.lock import lock_workspace
from thawline.workspace import Workspace

RUN_TIMEOUT_S = 7 * 24 * 3600.0
"""A run may take days; what takes longer hangs."""
FOREIGN = (
    "MLFLOW_TRACKING_URI",
    "MLFLOW_REGISTRY_URI",
    "PREFECT_API_URL",
    "PREFECT_HOME",
    "PREFECT_LOCAL_STORAGE_PATH",
)


class Repetition(BaseModel):
    """What came out: `differences` has the numbers that differ, as they were then and are now (None for absent)."""

    model_config = ConfigDict(frozen=True)

    run_id: str
    reproduced: bool
    num_compared: int
    differences: dict[str, tuple[Any, Any]]
    remarks: list[str]
    verdict: str


def reproduce_run(workspace: Workspace, tracking: Tracking, run: Run) -> Repetition:
    """Make a finished run of the line again and compare its numbers.

    Raises:
        UsageError: The run ended without a result, or keeps too little to be made again.
        DataRefusedError: A data file is nowhere to be found; the message says which.
        ThawlineError: The second run failed.
    """
    before = load_result(tracking, run)
    if before is None:
        raise UsageError(f"run {run.info.run_id} ended {run.info.status} without a result; there is nothing to compare")
    place = workspace.state / "reproduce" / run.info.run_id[:8]
    shutil.rmtree(place, ignore_errors=True)
    kept, depth = _download(tracking, run), None if before.scouted is None else before.scouted.depth
    with lock_workspace(workspace, "data", wait_s=-1):
        scratch = prepare_scratch(workspace, Workspace(place), kept, depth=depth)
    code, remarks = _find_code(run, place)
    try:
        after = _run_line(scratch, code)
    finally:
        if code != ROOT:
            call_git(ROOT, "worktree", "remove", "--force", str(code))
    result = compare_results(before, after, remarks)
    if result.reproduced:
        shutil.rmtree(place, ignore_errors=True)
    return result


def prepare_scratch(workspace: Workspace, scratch: Workspace, kept: Path, *, depth: int | None = None) -> Workspace:
    """Fill `scratch` with what a run kept in the folder `kept`, and with the data from wherever it is.

    `depth` is what a scout found; how long a depth takes, on which that hangs, is another matter on another machine.

    Raises:
        DataRefusedError: A file is neither in data/raw, nor in DVC's cache, nor in its remote.
    """
    scratch.raw.mkdir(parents=True)
    (scratch.root / ".dvc").mkdir()
    params = Params.model_validate_json((kept / "params.json").read_text(encoding="utf-8"))
    if depth is not None:
        params = params.with_values("train", depth=depth)
    scratch.params_file.write_text(render_params(_moved(params, workspace)), encoding="utf-8")
    for name in ("dvc.lock", "dvc.yaml"):
        shutil.copy(kept / name, scratch.root / name)
    shutil.copytree(kept / "raw", scratch.raw, dirs_exist_ok=True)
    _write_dvc_config(workspace, scratch)
    _bring_raw_files(workspace, scratch)
    ledger = str(scratch.ledger.relative_to(scratch.root))
    _bring(scratch, [ledger])
    if not scratch.ledger.exists():
        raise DataRefusedError(
            f"{ledger} of that run, which says what row is train and what is test, is neither in DVC's cache nor in "
            "its remote; bring the cache back, or push it from where the run was made"
        )
    return scratch


def compare_results(before: RunResult, after: RunResult, remarks: list[str]) -> Repetition:
    """Compare every number of two results but seconds; equal means equal to the last digit."""
    then, now = _numbers(before), _numbers(after)
    names = dict.fromkeys([*then, *now])
    differences = {name: (then.get(name), now.get(name)) for name in names if then.get(name) != now.get(name)}
    if differences:
        shown = "; ".join(f"{name}: {old} then, {new} now" for name, (old, new) in list(differences.items())[:10])
        more = f" and {len(differences) - 10} more" if len(differences) > 10 else ""
        verdict = f"Differs in {len(differences)} of {len(names)} values: {shown}{more}."
    else:
        verdict = f"Reproduced: all {len(names)} values are equal to the last digit."
    return Repetition(
        run_id=before.run_id,
        reproduced=not differences,
        num_compared=len(names),
        differences=differences,
        remarks=remarks,
        verdict=" ".join([verdict, *remarks]),
    )


def _download(tracking: Tracking, run: Run) -> Path:
    kept = download(tracking, run, "data")
    if not (kept / "params.json").is_file() or not (kept / "raw").is_dir():
        raise UsageError(
            f"run {run.info.run_id} was recorded before runs kept all that is needed to make them again (params.json "
            "and the hashes of data/raw); later runs can be reproduced"
        )
    return kept


def _moved(params: Params, workspace: Workspace) -> Params:
    """Return the params for a workspace elsewhere: with its own tracking store, and paths that still lead home."""
    moved = params.with_values("tracking", mlflow_uri=None).with_values("arrive", initial=None)
    encoder = workspace.root / params.model.encoder
    return moved.with_values("model", encoder=str(encoder)) if encoder.is_dir() else moved


def _write_dvc_config(workspace: Workspace, scratch: Workspace) -> None:
    """Point the scratch at the workspace's cache and remotes; it is no git repository, whatever lies around it."""
    config = configparser.ConfigParser(interpolation=None)
    for name in ("config", "config.local"):
        config.read(workspace.root / ".dvc" / name)
    for section in config.sections():
        url = config.get(section, "url", fallback=None)
        if url is not None and "://" not in url and not Path(url).is_absolute():
            config.set(section, "url", str((workspace.root / ".dvc" / url).resolve()))
    if not config.has_section("core"):
        config.add_section("core")
    config.set("core", "no_scm", "true")
    if not config.has_section("cache"):
        config.add_section("cache")
    config.set("cache", "dir", run_dvc(workspace, "cache", "dir").strip().splitlines()[-1])
    with (scratch.root / ".dvc" / "config").open("w", encoding="utf-8") as stream:
        config.write(stream)


def _bring_raw_files(workspace: Workspace, scratch: Workspace) -> None:
    hashes = {path: YAML(typ="safe").load(path)["outs"][0]["md5"] for path in sorted(scratch.raw.glob("*.dvc"))}
    for path, md5 in hashes.items():
        here = workspace.raw / path.stem
        if here.is_file() and hashlib.md5(here.read_bytes(), usedforsecurity=False).hexdigest() == md5:
            shutil.copy(here, scratch.raw / path.stem)
    missing = [path for path in hashes if not (scratch.raw / path.stem).exists()]
    if missing:
        _bring(scratch, [str(path.relative_to(scratch.root)) for path in missing])
    lost = [f"{path.stem} (md5 {hashes[path]})" for path in missing if not (scratch.raw / path.stem).exists()]
    if lost:
        raise DataRefusedError(
            f"{', '.join(lost)}: that run learned from it, and it is neither in data/raw, nor in DVC's cache, nor in "
            "its remote; bring back the file, the cache or the remote, then run this again"
        )


def _bring(scratch: Workspace, targets: list[str]) -> None:
    """Take targets from the cache, or else from the remote; what is in neither stays missing."""
    run_dvc(scratch, "checkout", "--allow-missing", *targets)
    if all((scratch.root / target.removesuffix(".dvc")).exists() for target in targets):
        return
    try:
        run_dvc(scratch, "pull", "--allow-missing", *targets)
    except DvcError:
        return  # the caller looks at what is there


def _find_code(run: Run, place: Path) -> tuple[Path, list[str]]:
    """Return the directory of the run's code, checked out if need be, and what has to be said about it."""
    if run.data.tags.get("thawline.code_version") == hash_code():
        return ROOT, []
    commit = run.data.tags.get("thawline.git_commit", "none")
    known = read_code_commit()
    refused = ""
    if known is not None and commit != "none" and not commit.endswith("+changes"):
        code = place / "code"
        done, said = call_git(ROOT, "worktree", "add", "--detach", str(code), commit)
        if done:
            return code, [f"Made with the code of the run, commit {commit[:12]}."]
        refused = f" Git can't check that commit out: {said}"
    differs = (
        f"The code or its libraries differ: the run was made by code {run.data.tags.get('thawline.code_version')} "
        f"(git commit {commit}), this is {hash_code()} (git commit {known or 'none'}).{refused}"
    )
    return ROOT, [differs]


def _run_line(scratch: Workspace, code: Path) -> RunResult:
    environment = {name: value for name, value in os.environ.items() if name not in FOREIGN}
    command = [sys.executable, "-P", "-m", "flows.cli", "run", "--fresh", "--json", "--workspace", str(scratch.root)]
    variables = {**environment, "PYTHONPATH": str(code)}
    try:
        process = subprocess.run(
            command, cwd=scratch.root, env=variables, stdout=subprocess.PIPE, check=False, timeout=RUN_TIMEOUT_S
        )
    except subprocess.TimeoutExpired:
        raise ThawlineError(
            f"the run has not ended within {RUN_TIMEOUT_S / 3600:.0f} hours and was ended, in {scratch.root}; see in "
            "its .thawline/logs what it waited for, then run this again"
        ) from None
    lines = process.stdout.decode().strip().splitlines()
    answer = json.loads(lines[-1]) if lines else {}
    if process.returncode != 0:
        reason = answer.get("error", f"exit code {process.returncode}")
        raise ThawlineError(f"the run could not be made again, in {scratch.root}: {reason}")
    return RunResult.model_validate(answer)


def _numbers(result: RunResult) -> dict[str, Any]:
    """Return what must be equal, under dotted names."""
    folds = {f"cv.folds.{number}": value for number, value in enumerate(result.cv["folds"])}
    baselines = {f"{name}.{key}": value for name, scores in result.baseline.items() for key, value in scores.items()}
    ends = {
        f"{name}.{end}": value
        for name, ends in result.intervals.items()
        for end, value in zip(("low", "high"), ends, strict=True)
    }
    return {
        "data_version": result.data_version,
        "candidate": result.candidate,
        **{f"rows.{name}": count for name, count in result.rows.items()},
        **{f"test.{name}": value for name, value in result.metrics.items()},
        **{f"test.{name}": value for name, value in ends.items()},
        "cv.mean": result.cv["mean"],
        "cv.sd": result.cv["sd"],
        **folds,
        **baselines,
    }
