"""Results as pictures, tables and words. Pure: results in, figures, Markdown or rows out; nothing is read or written.

Read `figures.py` first: it has the one style of all pictures.
"""
