"""What a run leaves behind for people: its MLflow runs, pages, pictures and description.

Read `recording.py` first: it puts together what the other files make. Nobody but flows imports from here.
"""
