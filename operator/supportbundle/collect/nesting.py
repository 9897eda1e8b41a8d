"""How deep JSON is nested: hostile values are deep, and whatever indents them grows by their depth at every line."""

from __future__ import annotations


def within(value: object, depth: int) -> bool:
    """Whether the value has at most so many levels of lists and objects."""
    if not isinstance(value, dict | list):
        return True
    children = value.values() if isinstance(value, dict) else value
    return depth > 0 and all(within(child, depth - 1) for child in children)
