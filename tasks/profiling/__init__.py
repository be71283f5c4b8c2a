"""What the profile page says, one file a question: a `Subject` in, a `Section` of panels out.

Read `page.py` first, then `subject.py`. A new question is a file here and a line in `page.py`;
`profile.py` is the task.
"""
