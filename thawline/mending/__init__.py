"""People's answers about labels: how they are kept, read and settled, and which rows are worth asking about.

Read `corrections.py` first: one record a person's answers, and what follows where several have answered.
`answer_files.py` reads what people hand back, `worth.py` orders what they are asked.
"""
