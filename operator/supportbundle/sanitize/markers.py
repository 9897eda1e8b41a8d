"""The one form of a replacement, so that every rule can recognise its own work and sanitizing twice changes nothing."""

from __future__ import annotations

import re
from functools import cache
from typing import Final

PREFIX: Final = b"<redacted:"
_MARKER: Final = re.compile(rb"<redacted:[a-z0-9-]+>")


@cache
def marker(rule: str) -> bytes:
    """The fixed replacement of a value that `rule` took out."""
    return PREFIX + rule.encode() + b">"


def is_marker(value: bytes) -> bool:
    """Whether `value` is one replacement and nothing else."""
    return value.startswith(PREFIX) and _MARKER.fullmatch(value) is not None
