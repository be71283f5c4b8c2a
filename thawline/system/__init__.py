"""The machine under a workspace: files, locks, logs, console, signals, memory.

Read `files.py` first: what must not be half written is written by it, and by nothing else.
"""
