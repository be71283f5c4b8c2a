"""What people are asked about the data, and what is made of their answers.

Read `questions.py` first: which rows of the last run go on the page. `corrections.py` takes answers, after the same
checks as all data, and takes them back; what a training does with them stands in `tasks/ingest.py`.
"""
