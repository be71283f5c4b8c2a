"""Where to compute and how precisely, and the random states that go with it.

Read `devices.py` first. Nothing else asks for CUDA or MPS.
"""
