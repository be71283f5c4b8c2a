"""What the command line takes and shows: common options, tables on standard error, links.

Read `options.py` first.
"""
