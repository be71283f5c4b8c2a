"""Rows as a network takes them: tokens, pixels, cells of tables; batches of them, and changes to training rows.

Read `rows.py` first: its protocol `Rows` is all that the rest of `models/` knows of data. A row's key covers exactly
what the network sees, since what the store keeps hangs on it.
"""
