"""One training: what it consists of, its rows, its turn on a device, and its phases fold by fold.

Read `setup.py` first (encoder, rows, classifier, phases, settings, store), then `finetuning.py`, the tasks themselves.
The loop is in `models/training/`: nothing here computes a gradient. `device_slots.on_device` is around all that does.
"""
