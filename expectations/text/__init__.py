"""Expectations for texts, one file a family: see the package above."""
