"""Files of rows to frames and back, losing nothing: CSV, JSON Lines, Parquet, packed or not, in any encoding.

Read `tables.py` first. All readers go through `row_sources.py`, so that one set of rules refuses what is too large.
"""
