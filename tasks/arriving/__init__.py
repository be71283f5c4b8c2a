"""What comes in: from data/incoming or a bucket to data/raw or data/quarantine, once, whatever happens between.

Read `take.py` first: it has the order of the steps, on which it hangs that no file is lost. Others call
`take.take_arrivals`, `incoming.hand_over`, `quarantine` and `due.training_due`. A new reason to refuse is an
expectation, not a change here.
"""
