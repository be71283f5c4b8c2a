"""An encoder with a head, in layer groups, that runs from any boundary between them; on a device and in a directory.

Read `classifier.py` first: every other room of training knows a model by it alone.
"""
