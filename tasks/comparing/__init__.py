"""`thawline compare`: approaches beside each other on growing shares of the rows.

Read `approaches.py` first; `report.py` is pure and says what follows from the numbers, `record.py` logs it.
"""
