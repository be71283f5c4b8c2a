"""What runs: Prefect flows, readable lists of task calls, and the command line, one file a command in `commands/`.

Read `finetune.py` first, then `judged_training.py`. `starting/` is what happens before libraries are imported,
`services/` what `thawline up` runs, `terminal/` what the command line takes and shows; `interface.py` is what
`import thawline` gives, and the command line calls it, too. Nothing is computed here, and no other room imports it.
"""
