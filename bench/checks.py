"""The checks of one file, in this process: `python -m bench.checks FILE pandas|spark|'one by one'`; prints JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import great_expectations as gx
from great_expectations.datasource.fluent.interfaces import Batch

from bench.rows import ROOT
from tasks.checking.validate import validate_file
from thawline.params.file import load_params
from thawline.workspace import Workspace


def main(path: Path, side: str) -> None:
    engine = "spark" if side == "spark" else "pandas"
    params = load_params(Workspace(ROOT / "examples" / "flights"), [f"validation.engine={engine}"])
    seconds_of_checks: list[float] = []
    whole = Batch.validate

    def timed(batch: Batch, suite: gx.ExpectationSuite, **options: Any) -> Any:
        started = time.perf_counter()
        if side == "one by one":
            outcome = whole(batch, gx.ExpectationSuite(name=suite.name, expectations=[]), **options)
            outcome.results = [whole(batch, expectation, **options) for expectation in suite.expectations]
        else:
            outcome = whole(batch, suite, **options)
        seconds_of_checks.append(time.perf_counter() - started)
        return outcome

    Batch.validate = timed
    started = time.perf_counter()
    report = validate_file(path, params, reports=path.parent / engine, workspace=Workspace(path.parent))
    told = {
        "seconds": time.perf_counter() - started,
        "checks_seconds": sum(seconds_of_checks),
        "rows": report.num_rows,
        "checks": len(report.checks),
        "values": {f"{check.name} {check.column or ''}".strip(): str(check.value) for check in report.checks},
        "left_out": sorted({item.name for item in report.left_out}),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
