"""Which data made what: DVC and git around a workspace, the raw files, and the record of all versions of the data.

Read `prepare.py` first, the Prefect tasks from raw files to split rows, then `dvc_repo.py`: nobody else calls DVC, and
always under the lock `data`. What lies in data/raw is changed by `raw_data.py` alone.
"""
