"""Change one param after the other in a workspace that ran: python -m tests.faults.change_params --modality text.

A workspace of tiny rows runs once. Then it runs again for each param, with that one changed by `--set` alone; and so
does a new workspace that never ran. What both say must be equal to the last digit, or the used one must refuse the
value in words. `--params` names the params; without it all are tried. It ends with 1 if one fails.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "flow"))

from line import Outcome, run_thawline  # noqa: E402 - the tests that it is made for find it on their path
from session import end_session  # noqa: E402

from tests.other_values import list_params, other_value  # noqa: E402
from tests.tiny_spaces import KINDS, tiny_params  # noqa: E402
from thawline.params_file import parse_params  # noqa: E402

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
    chosen = parser.parse_args()
    names = chosen.params.split(",") if chosen.params else list_params()
    root = Path(tempfile.mkdtemp(prefix="thawline-params-"))
    try:
        failed = _try_all(root, chosen.modality, names)
    finally:
        end_session()
        shutil.rmtree(root, ignore_errors=True)
    print(f"{len(names) - len(failed)} of {len(names)} params hold; failed: {', '.join(failed) or 'none'}")
    return 1 if failed else 0


def _try_all(root: Path, modality: str, names: list[str]) -> list[str]:
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
    differing = _differences(said, fresh_said)
    return f"DIFFERENT: {'; '.join(differing[:4])}" if differing else "equal"


def _said(space: Path, outcome: Outcome) -> dict[str, Any]:
    reports = {name: space / "reports" / name for name in REPORTS}
    found = {name: json.loads(path.read_text()) for name, path in reports.items() if path.is_file()}
    return {**{key: outcome.json.get(key) for key in SAID}, **found}


def _differences(one: Any, other: Any, place: str = "") -> list[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        keys = sorted((one.keys() | other.keys()) - TIMES)
        return [found for key in keys for found in _differences(one.get(key), other.get(key), f"{place}/{key}")]
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        pairs = zip(one, other, strict=True)
        return [found for i, pair in enumerate(pairs) for found in _differences(*pair, f"{place}/{i}")]
    both_absent = isinstance(one, float) and isinstance(other, float) and math.isnan(one) and math.isnan(other)
    return [] if one == other or both_absent else [f"{place} {str(one)[:60]} != {str(other)[:60]}"]


if __name__ == "__main__":
    sys.exit(main())
