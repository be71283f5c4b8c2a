"""Expectations for tables, one file a family: see the package above."""
