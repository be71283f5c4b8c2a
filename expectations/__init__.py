"""What data must satisfy: Great Expectations suites, built from classes.

- `common/` is the registry of expectations for every kind of data: one file a family. A file holds the classes and
  says, in `raw(params, content)` and `processed(params, content)`, which of them a suite gets and with what limits.
  Adding an expectation touches one file. Expectations for one kind of data get a directory beside `common/`.
- Read `suites.py` first: it collects. `frame.py` is the ground of the custom ones, `validation.py` runs, `report.py` is
  the outcome, `pages.py` writes it down, `spark.py` takes the place of pandas for what does not fit into memory.
- Built-in expectations are subclassed only to explain their outcome in our words: value, limit, remedy.
"""
