"""Rows and what is known of them: ids, columns and cells, cleaning, splits, near-duplicates, drift, arrivals, versions.

Pure: frames in, frames or numbers out. Read `row_ids.py` first, then `splits.py`: rows never change their side.
"""
