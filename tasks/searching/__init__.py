"""The search for hyperparameters: its space, its trials, and the study that survives any kill.

Read `trials.py` first. Flows call these tasks (`flows/search.py`); what a search decides is pure, in
`flows/search_choices.py`.
"""
