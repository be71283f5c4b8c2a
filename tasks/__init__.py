"""How a step runs: read, call a pure function of a lower room, write, report. Prefect, DVC and MLflow live here.

Flows call tasks; a task never calls a flow. A room imports from those above it here, never from one below:

- `presenting/` results as pictures, tables and words; `tracking/` MLflow's runs
- `training/` a training and its set-up; `checking/` data against its suites; `versions/` DVC and the data's history;
  `arriving/` what comes in
- `searching/`, `candidates/`, `comparing/` what is trained, and beside what; `judging/` evaluation, gates, registry
- `profiling/` the page before training, `reports/` what a run leaves behind, `upkeep/` everything around

Here on top stand the DVC stages, which `dvc.yaml` starts by these names (`ingest`, `clean`, `split`; `stage` runs them,
`rules` is their version), and what all rooms share: `results/`, which tasks hand to each other, and `caching`. Read
`versions/prepare.py` and `training/finetuning.py` first.
"""
