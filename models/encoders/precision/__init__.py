"""Frozen layers in bfloat16 or int8.

Read `small_layers.py` first: what they are. `rounding.py` puts them into a network and takes them out again,
`../rounded_encoder.py` brings an encoder into a format. What trains is never in one, nor what lies above it.
"""
