"""What models are worth: scores, their uncertainty, comparison of two models, and the gates. Pure.

Read `metrics.py` first, then `gates.py`.
"""
