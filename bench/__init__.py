"""Measurements: side by side with peers (`make bench`), and of single parts, each a program that says how it is called.

Read `__main__.py` first: W1 to W6, of which `report.py` writes docs/benchmarks.md. Peers are one file each in `peers/`.
`house.py` measures the sources themselves, and `gates.py` the gates, by simulation. Only tests import from here.
"""
