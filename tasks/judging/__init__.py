"""From fitted candidates to a verdict: evaluation, gates, registry, champion; past runs, and runs made again.

Read `evaluation.py` first, then `verdict.py` and `registry.py`. The gates are pure (`thawline/scores/gates.py`). The
champion's alias is moved by `champion.py` and by nothing else, under the lock `registry`.
"""
