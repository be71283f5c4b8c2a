"""What is around the servers that we start: who is let in, which processes are ours, and that they end.

Read `guard.py` first; `docs/security.md` says against whom.
"""
