"""Adapters by peft: small weights on an encoder's layers, which train in place of the layers' own.

Read `specs.py` first: what adapters there are, and on which layers. `injection.py` puts them into a network and merges
them into its weights, `adapter_files.py` writes and reads them in peft's own format. peft is imported nowhere else.
"""
