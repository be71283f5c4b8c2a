"""What `thawline up` runs: Prefect's server, MLflow, the deployments and the watcher, and what keeps them running.

Read `programs.py` first, the list of them, then `supervision.py`.
"""
