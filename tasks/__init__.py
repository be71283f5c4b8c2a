"""How a step runs: read, call a pure function of a lower room, write, report. Prefect, DVC and MLflow live here.

Flows call tasks; a task never calls a flow. The DVC stages are modules that `dvc.yaml` starts: `ingest`, `clean`,
`split`. Read `data.py` and `finetuning.py` first, then `results.py`: what tasks hand to each other is small and kept.
"""
