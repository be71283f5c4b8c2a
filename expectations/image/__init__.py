"""Expectations for images, one file a family: see the package above."""
