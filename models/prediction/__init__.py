"""Class probabilities of rows: by one classifier, or by several whose common layers are computed once.

Read `probabilities.py` first.
"""
