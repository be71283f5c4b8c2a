"""Change one param after the other in a workspace that ran: python -m tests.faults.change_params --modality text.

A workspace of tiny rows runs once. Then it runs again for each param, with that one changed by `--set` alone; and so
does a new workspace that never ran. What both say must be equal to the last digit, or the used one must refuse the
value in words. `--params` names the params; without it all are tried. It ends with 1 if one fails.

A pair of runs takes half a minute on two quiet cores. `--by-steps` runs stages and kept steps alone, in this process
and without Prefect, DVC and MLflow: some seconds a param.
"""

import argparse
import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "flow"))

from line import Outcome, run_thawline  # noqa: E402 - the tests that it is made for find it on their path
from session import end_session  # noqa: E402

from tests.line_by_steps import Line, differences, make_raw  # noqa: E402
from tests.other_values import list_params, other_value, with_value  # noqa: E402
from tests.tiny_spaces import KINDS, tiny_params  # noqa: E402
from thawline.errors import ThawlineError  # noqa: E402
from thawline.params.file import parse_params  # noqa: E402

COLUMNS = {"text": ["--text", "text"], "image": ["--image", "path"], "tabular": []}
SAID = (
    "data_version",
    "rows",
    "candidate",
    "metrics",
    "intervals",
    "baseline",
    "cv",
    "alarms",
    "rule",
    "search",
    "onnx",
)
"""What of a run's result does not depend on when and where it ran, or on which champion there was."""
REPORTS = ("ingest.json", "cleaning.json", "split.json", "validation_raw.json", "validation_processed.json")
TIMES = {"seconds", "created", "rows_new_to_ledger", "ledger_lines"}


def main() -> int:
    """Try the params; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modality", choices=sorted(KINDS), default="text")
    parser.add_argument("--params", help="dotted names with commas between")
    parser.add_argument("--by-steps", action="store_true", help="stages and steps in this process, no whole runs")
    chosen = parser.parse_args()
    names = chosen.params.split(",") if chosen.params else list_params()
    root = Path(tempfile.mkdtemp(prefix="thawline-params-"))
    try:
        failed = (_try_steps if chosen.by_steps else _try_runs)(root, chosen.modality, names)
    finally:
        end_session()
        shutil.rmtree(root, ignore_errors=True)
    print(f"{len(names) - len(failed)} of {len(names)} params hold; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def _try_steps(root: Path, modality: str, names: list[str]) -> list[str]:
    values = tiny_params(modality)
    torch.set_num_threads(1)  # with more, products as small as the tiny networks' round by a row's place in its block
    used = Line(make_raw(root / "used", modality))
    used.run(parse_params(values))
    failed = []
    for name in names:
        changed = with_value(values, name, other_value(values, name))
        new = Line(make_raw(root / "new", modality))
        differing = differences(_of_steps(used, changed, root / "used"), _of_steps(new, changed, root / "new"))
        shutil.rmtree(root / "new")
        failed += [name] if differing else []
        print(f"{name}: {'; '.join(differing[:4]) or 'equal'}", flush=True)
    return failed


def _of_steps(line: Line, values: dict[str, Any], place: Path) -> Any:
    """Return what the steps give, or the words by which they refuse."""
    try:
        return line.run(parse_params(values))
    except ThawlineError as error:
        return str(error).replace(str(place), "")


def _try_runs(root: Path, modality: str, names: list[str]) -> list[str]:
    template = make_template(root, modality)
    used = Path(shutil.copytree(template, root / "used" / "space", symlinks=True))
    first = run_thawline("run", cwd=used)
    if first.code:
        raise SystemExit(f"the first run failed: {first.told}")
    failed = []
    for name in names:
        started = time.monotonic()
        told = try_param(root, used, template, name, other_value(tiny_params(modality), name))
        if not told.startswith(("equal", "refused")):
            failed.append(name)
        print(f"{name}: {told} ({time.monotonic() - started:.0f} s)", flush=True)
    return failed


def make_template(root: Path, modality: str) -> Path:
    """Return a workspace that has not run yet."""
    source, space = root / "source", root / "template" / "space"
    source.mkdir(parents=True)
    data = KINDS[modality][0](source)
    arguments = ["init", str(space), "--modality", modality, "--data", str(data), "--label", "label"]
    made = run_thawline(*arguments, *COLUMNS[modality], cwd=root)
    if made.code:
        raise SystemExit(made.told)
    with (space / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(parse_params(tiny_params(modality)).model_dump(mode="json"), stream)
    if (source / "encoder").is_dir():
        for name in ("encoder", "other"):
            shutil.copytree(source / "encoder", space / name)
    return space


def try_param(root: Path, used: Path, template: Path, name: str, value: Any) -> str:
    """Return how a used workspace and a new one compare with a param's value: 'equal', 'refused: ...' or else."""
    setting = f"{name}={json.dumps(value)}"
    ran = run_thawline("run", "--set", setting, cwd=used)
    if ran.code and "Traceback" in ran.told:
        return f"TRACEBACK {ran.told.strip().splitlines()[-1]}"
    said = _said(used, ran)
    new = Path(shutil.copytree(template, root / "new" / "space", symlinks=True))
    try:
        fresh = run_thawline("run", "--set", setting, cwd=new)
        fresh_said = _said(new, fresh)
    finally:
        shutil.rmtree(new.parent)
    if ran.code:
        words = " ".join(ran.told.split())[-160:]
        return f"refused: {words}" if ran.code < 100 else f"CODE {ran.code} {words}"
    if fresh.code:
        return f"ONLY THE NEW ONE REFUSES: {' '.join(fresh.told.split())[-200:]}"
    differing = differences(said, fresh_said)
    return f"DIFFERENT: {'; '.join(differing[:4])}" if differing else "equal"


def _said(space: Path, outcome: Outcome) -> dict[str, Any]:
    reports = {name: space / "reports" / name for name in REPORTS}
    found = {name: json.loads(path.read_text()) for name, path in reports.items() if path.is_file()}
    return _without_times({**{key: outcome.json.get(key) for key in SAID}, **found})


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_times(item) for key, item in value.items() if key not in TIMES}
    return [_without_times(item) for item in value] if isinstance(value, list) else value


if __name__ == "__main__":
    sys.exit(main())
