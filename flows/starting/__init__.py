"""Before anything heavy is imported: the environment, a temporary Prefect server, and which workspaces may be opened.

Read `environment.py` first. Nothing here may import Prefect, MLflow or torch while it is imported itself.
"""
