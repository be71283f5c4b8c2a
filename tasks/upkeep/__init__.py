"""Around the line: making a workspace, what is installed and reachable, who is told, and removing what is not used.

Read `initialise.py` or `doctor.py` first; the others are one command each.
"""
