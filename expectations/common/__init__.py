"""Expectations for labelled rows of any kind: columns `label`, `source`, `source_row`, `normalised` and content."""
