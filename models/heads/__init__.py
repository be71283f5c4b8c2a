"""Heads: what stands on an encoder's states, and how those are pooled.

Read `head.py` first.
"""
