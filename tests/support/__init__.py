"""Builders shared by tests: small valid values, so that a test names only what it is about."""
