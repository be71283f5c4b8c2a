"""Pages that a person opens: parts, charts and a template. One file each, nothing from the network.

None has a script but the page of a review (`review.py`), which a person answers on.
Read `parts.py` first: what a page is made of; `render.py` writes it. Whatever comes from data passes through
`markupsafe`, which escapes it: markup in a cell stays text.
"""
