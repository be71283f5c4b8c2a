"""Expectations for labels that are numbers to be estimated."""
