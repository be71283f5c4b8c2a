"""Data against the suites of its kind: the workspace's own rows, or a file as if it arrived.

Read `validate.py` first. Suites and expectations are in the room `expectations`; here they get their rows, the rows so
far to compare with, and a sample as vectors. Others call the functions of `validate.py`.
"""
