"""Networks and training, without a word of workspaces, params or runs: plain arguments in.

A room imports from those above it here, never from one below: `hardware/` and `heads/`, `inputs/` (rows as a network
takes them), `encoders/`, `classifiers/` (an encoder with a head, in layer groups), `activations/` (the store),
`prediction/`, `training/`, `fused_heads/`, `tables/`, `export/`. Read `classifiers/classifier.py` first, then
`training/loop.py`.
"""
