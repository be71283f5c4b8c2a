"""The champion in production: what is kept of its answers, and whether they are still what they were.

Read `kept.py` first: the files, a directory a day, and their bounds. Nothing here knows a model.
"""
