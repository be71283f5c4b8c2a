"""Expectations for labels of which a row may have several."""
