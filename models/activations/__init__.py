"""The frozen-prefix activation store: what frozen layers make of a row is computed once and shared by all.

Read `store.py` first: its docstring lists what it promises. It has a partition for each encoder, boundary and number
type, and a partition has segments, each written whole or not at all. Whoever changes what decides a row's states has to
change the key (`partition.describe_space`).
"""
