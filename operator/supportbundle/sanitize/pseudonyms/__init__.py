"""Stable pseudonyms for addresses and names; a second pass over sanitized text, made and unmade by one key."""

from .permute import KEY_BYTES
from .pseudonymizer import Names, Pseudonymizer
from .revealing import parse_kinds, read_key, reveal, revealer

__all__ = ["KEY_BYTES", "Names", "Pseudonymizer", "parse_kinds", "read_key", "reveal", "revealer"]
