"""Who may become the model: baselines, the frozen encoder's linear head, their blend; and what is made of answers.

Read `baselines.py` first: it lists all that fine-tuning has to beat. Each candidate has a result of the folds and a fit
on all rows (`tasks/results.py`), so that `judging/` treats them alike. A new one is a file here and a name there.
"""
