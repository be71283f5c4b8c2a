"""Heads of all folds and trials trained together, in one pass over stored vectors.

Read `fused.py` first. Each head must end where training it alone would have brought it.
"""
