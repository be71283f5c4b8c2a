"""The encoder of a table, which is made from its own rows: columns fitted, network pretrained, both kept.

Read `table_encoders.py` first.
"""
