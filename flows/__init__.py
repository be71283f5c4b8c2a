"""What runs: Prefect flows, readable lists of task calls, and the command line, one file a command in `commands/`.

Read `finetune.py` first, then `judged_training.py`. Nothing is computed here, and nobody imports from here.
"""
