"""Does a registered model work from its directory alone? `python -m bench.fresh_environment MODEL_DIR`.

Makes an environment from the model's own requirements.txt, loads the model there and predicts its input example, in a
directory without this repository, and compares the answer with that of the present environment. Takes minutes: torch is
installed. MODEL_DIR is the folder `model` of a run's artifacts, of whatever kind of data.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

PREDICT = """
import json, sys
import mlflow
model = mlflow.pyfunc.load_model(sys.argv[1])
example = model.input_example if getattr(model, "input_example", None) is not None else None
if example is None:
    from mlflow.models import Model
    example = Model.load(sys.argv[1]).load_input_example(sys.argv[1])
answer = model.predict(example)
print(json.dumps({"where": mlflow.__file__, "answer": json.loads(answer.to_json(orient="split", double_precision=15))}))
"""


def main(model: Path) -> int:
    here = predict(Path(sys.executable), model)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copied = root / "model"
        shutil.copytree(model, copied)
        started = time.perf_counter()
        venv.create(root / "venv", with_pip=True)
        python = root / "venv" / "bin" / "python"
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
        subprocess.run([*install, "-r", str(copied / "requirements.txt")], check=True)
        print(f"environment made in {time.perf_counter() - started:.0f} s", flush=True)
        there = predict(python, copied, cwd=root)
    agree = here["answer"] == there["answer"]
    print(f"here:  {here['where']}\nthere: {there['where']}")
    print(f"{len(here['answer']['data'])} predictions {'agree to the last digit' if agree else 'differ'}")
    if not agree:
        print(json.dumps(here["answer"]), json.dumps(there["answer"]), sep="\n")
    return 0 if agree else 1


def predict(python: Path, model: Path, cwd: Path | None = None) -> dict[str, dict[str, list[object]]]:
    environment = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "MLFLOW_TRACKING_URI"}}
    command = [str(python), "-c", PREDICT, str(model)]
    process = subprocess.run(
        command, cwd=cwd or model.parent, env=environment, stdout=subprocess.PIPE, check=True, text=True
    )
    answer: dict[str, dict[str, list[object]]] = json.loads(process.stdout.strip().splitlines()[-1])
    return answer


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
