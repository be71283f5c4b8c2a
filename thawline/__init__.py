"""Leaves that every room may import: params, errors, paths, rows and scores. No vendor is imported here."""

__version__ = "0.1.0"
