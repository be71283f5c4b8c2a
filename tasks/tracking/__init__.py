"""MLflow's runs: opened, filled and closed by explicit ids; its addresses, its saved view, its server behind our guard.

Read `runs.py` first. Others call its functions; what a run of the line leaves there is put together in `reports/`.
"""
