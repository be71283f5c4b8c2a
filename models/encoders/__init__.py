"""Pretrained networks: loaded by name, their layers told apart, run in two parts at any boundary.

Read `loading.py` first. What differs between kinds of networks is one file each in `families/`; a new kind is a new
file there and no edit elsewhere. Others call `load_encoder`, `assemble_encoder` and the family's functions.
"""
