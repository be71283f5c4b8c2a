"""Training in phases: policies say which layer groups learn when, the loop yields a record after every epoch.

Read `policies.py` first (pure, a new policy is a function there), then `loop.py` and `epochs.py`. A resumed training
equals one that was not interrupted, bit for bit: what decides an epoch belongs in `checkpoints.py`.
"""
