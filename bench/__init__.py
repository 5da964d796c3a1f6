"""Measurements of goldsmith beside its peers; see README.md."""
