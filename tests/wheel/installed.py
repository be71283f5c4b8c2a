"""The wheel, installed where nothing else is: `python -m tests.wheel.installed [PYTHON]`.

It builds the wheel from a clone, installs it without extras into an empty environment of PYTHON (else of the one that
runs this), with the versions of constraints.txt, and takes a small workspace through `init`, `check`, `run`, `predict`
and `mlflow.pyfunc.load_model`. The workspace lies in a project with packages called as ours are, each of which fails
when it is imported. Six to eight minutes on two cores, most of them pip's; 7 GB, which are gone afterwards.
"""

import lzma
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from zipfile import ZipFile

import pandas as pd

from thawline.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[2]
FOREIGN = 'raise RuntimeError("a package of the project was imported in place of one of ours")\n'
NUM_MAILS = 200
QUICK = (
    "model.max_tokens=32",
    "train.policy=gradual",
    "train.max_unfrozen_groups=1",
    "train.num_epochs=1",
    "train.head_epochs=5",
    "split.num_folds=2",
    "validation.min_rows=50",
    "runner.kind=process",  # processes that Prefect starts find our packages, too
    "runner.num_workers=2",
)
LOAD = """
import mlflow, pandas as pd
answers = mlflow.pyfunc.load_model("models:/mails@challenger").predict(pd.read_csv("new.csv"))
predicted = pd.read_csv("predicted.csv")["predicted_label"]
assert list(answers["label"]) == list(predicted), (answers, predicted)
"""
HIDDEN = """
from thawline.errors import UsageError
from thawline.rooms import require_own_rooms
try:
    require_own_rooms()
except UsageError as error:
    assert "give yours another name" in str(error)
else:
    raise SystemExit("packages of the project stand in the place of ours, and nothing says so")
"""


def main(arguments: Sequence[str]) -> int:
    """Do all of it; the first step that fails ends it with the step's exit code."""
    python = arguments[0] if arguments else sys.executable
    with tempfile.TemporaryDirectory(prefix="thawline-wheel-") as name:
        place = Path(name)
        with step("build"):
            wheel = build_wheel(place)
        absent = find_absent(wheel)
        if absent:
            print(f"the wheel lacks {len(absent)} files of ours: {', '.join(absent[:10])}")
            return 1
        with step("install"):
            scripts = install(place / "environment", wheel, python)
        use(scripts, make_project(place / "project"))
    return 0


def build_wheel(place: Path) -> Path:
    """Build the wheel from a clone: building leaves files beside the sources."""
    clone = place / "clone"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
    run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(place), str(clone)], place)
    return next(place.glob("thawline-*.whl"))


def find_absent(wheel: Path) -> list[str]:
    """Return the files of our packages that git knows and the wheel does not hold."""
    command = ["git", "ls-files", *ROOMS]
    known = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    with ZipFile(wheel) as archive:
        return sorted(set(known) - set(archive.namelist()))


def install(environment: Path, wheel: Path, python: str) -> Path:
    """Install the wheel and what it asks for, and nothing else; return the directory of the commands."""
    run([python, "-m", "venv", str(environment)], environment.parent)
    scripts = environment / "bin"
    pip = [str(scripts / "python"), "-m", "pip"]
    run(
        [*pip, "install", "--quiet", "--no-compile", "--constraint", str(ROOT / "constraints.txt"), str(wheel)],
        environment.parent,
    )
    run([*pip, "check"], environment.parent)
    return scripts


def make_project(project: Path) -> Path:
    """Make a project with packages that are called as ours are, and with mails beside them."""
    for name in ROOMS:
        if name != "thawline":
            (project / name).mkdir(parents=True)
            (project / name / "__init__.py").write_text(FOREIGN)
    with lzma.open(ROOT / "examples" / "spam" / "mails.csv.xz") as file:
        mails = pd.read_csv(file, keep_default_na=False).drop_duplicates("text").groupby("label").head(NUM_MAILS // 2)
    mails.to_csv(project / "mails.csv", index=False)
    mails[["text"]].head(20).to_csv(project / "new.csv", index=False)
    return project


def use(scripts: Path, project: Path) -> None:
    """Take the project's workspace through the line, and its model into a program of the project."""
    thawline, python = str(scripts / "thawline"), str(scripts / "python")
    with step("init"):
        changes = [part for one in ("name=mails", *QUICK) for part in ("--set", one)]
        run([thawline, "init", ".", "--data", "mails.csv", *changes], project)
    with step("check"):
        run([thawline, "check"], project)
    with step("run"):
        run([thawline, "run"], project)
    with step("predict"):
        run([thawline, "predict", "new.csv", "-o", "predicted.csv", "--alias", "challenger"], project)
    with step("load_model"):
        run([python, "-c", LOAD], project, MLFLOW_TRACKING_URI=f"sqlite:///{project}/.thawline/mlflow.db")
    with step("hidden"):
        run([python, "-c", HIDDEN], project)


@contextmanager
def step(name: str) -> Iterator[None]:
    """Say how long a step took."""
    started = time.monotonic()
    yield
    print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)


def run(command: Sequence[str], place: Path, **variables: str) -> None:
    """Run a command in a directory, without what this process's own environment says of Python and the services.

    Raises:
        SystemExit: It ends with another code than 0; what it said is printed.
    """
    ours = ("PYTHON", "VIRTUAL_ENV", "PREFECT_", "MLFLOW_", "THAWLINE_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    done = subprocess.run(
        list(command),
        cwd=place,
        env={**environment, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        print(f"{' '.join(command[:6])} ended with code {done.returncode}:\n{done.stdout}")
        raise SystemExit(done.returncode)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
