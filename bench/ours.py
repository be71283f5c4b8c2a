"""The product's cross-validation on a shared task, alone: `python -m bench.ours TASK SPACE OUT [BASELINE]`.

What is called is what `thawline run` calls in its step cross-validate (and search, if the params ask for one), on
Prefect's temporary server; with a BASELINE, what it calls for that one in its step baseline; with 'blend', all of them
and the mixture that a run answers with: OUT then gets `parts.npz`, too, the predictions of each. The seconds begin
where a peer's do: all libraries are imported, the rows are read.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench.opening import open_work
from bench.peers.protocol import write_result

PARTS = "parts.npz"


def main(task_directory: Path, root: Path, out: Path, *, baseline: str) -> None:
    context, rows = open_work(task_directory, root, runs_flows=True)
    from prefect import flow

    from flows.cross_validation import cross_validate
    from flows.search import Searched, search
    from tasks.candidates.baselines import cross_validate_all, cross_validate_any, list_all_baselines
    from tasks.candidates.blend import BLEND, blend_folds
    from tasks.candidates.outputs import answer_folds
    from tasks.tracking.runs import open_tracking, start_run
    from tasks.training.scout import settle_depth

    params = context.params

    @flow(name="bench", validate_parameters=False)
    def line() -> dict[str, Any]:
        tracking, run_id = None, ""
        if params.search.strategy != "none":
            tracking = open_tracking(context.workspace, params)
            run_id = start_run(tracking, "bench", role="finetune")
        started, processor = time.perf_counter(), time.process_time()
        alone = baseline and baseline != BLEND
        deep, scouted = (context, None) if alone else settle_depth(context)
        chosen = search(deep, tracking, run_id) if tracking else Searched(deep, (deep,) * params.split.num_folds)
        tuned, found = chosen.tuned, chosen.found
        searched = time.perf_counter() - started
        scores = cross_validate_any(tuned, baseline) if alone else cross_validate(tuned, chosen.works)
        before = {"seconds": time.perf_counter() - started, "processor_seconds": time.process_time() - processor}
        if baseline == BLEND:
            baselines, _ = cross_validate_all(tuned, list_all_baselines(tuned))
            parts = [*baselines, scores]
            scores = blend_folds(tuned, parts)
            answers: dict[str, Any] = {
                part.name: answer_folds(tuned, part).out_of_fold_answers(len(rows)) for part in parts
            }
            np.savez(out / PARTS, **answers)
        scores = answer_folds(tuned, scores)
        took = time.perf_counter() - started
        extra: dict[str, Any] = {"trials": [trial.model_dump(mode="json") for trial in found.trials]} if found else {}
        epochs = [fold.best_epochs for fold in scores.folds]
        fold_seconds = [fold.seconds for fold in scores.folds]
        told = {"seconds": took, "fold_seconds": fold_seconds, "processor_seconds": time.process_time() - processor}
        extra |= {"depth": scouted.depth} if scouted else {}
        extra |= {"fine_tuning": before} if baseline == BLEND else {}
        unseen = scores.out_of_fold(len(rows), rows["label"].nunique())
        answered = scores.out_of_fold_answers(len(rows))
        write_result(out, answered, unseen, **told, search_seconds=searched, best_epochs=epochs, **extra)
        return told

    json.dump(line(), sys.stdout)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]), baseline=sys.argv[4] if len(sys.argv) > 4 else "")
