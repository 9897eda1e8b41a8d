"""Formats with a grammar: which of their values are secret, and how a replacement is written there."""
