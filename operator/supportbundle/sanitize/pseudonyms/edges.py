"""Where a word begins and ends in text of any kind: plain, JSON-escaped, URL-escaped or coloured for a terminal."""

from __future__ import annotations

import re
from typing import Final

WORD: Final = frozenset(b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_")
_ESCAPE: Final = re.compile(
    rb"(?:\\(?:[nrtbf0]|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})|%(?:25)?[0-9A-F]{2}|\x1b\[[0-9;]{0,12}m)\Z"
)
_LONGEST: Final = 16


def begins(buffer: bytes, position: int) -> bool:
    """Whether buffer[position] does not go on with a word that begins before it."""
    return (
        position == 0
        or buffer[position - 1] not in WORD
        or _ESCAPE.search(buffer, max(0, position - _LONGEST), position) is not None
    )


def ends(buffer: bytes, position: int) -> bool:
    """Whether a word that ends before `position` does not go on."""
    return position >= len(buffer) or buffer[position] not in WORD


def after_escape(buffer: bytes, start: int, end: int) -> int:
    """Where a run of word characters in buffer[start:end] really begins, if its first ones belong to an escape."""
    if start == 0 or buffer[start - 1] not in _LEADERS:
        return start
    found = _REST.match(buffer, start, end)
    return found.end() if found else start


def after_digits_of_escape(buffer: bytes, start: int, end: int) -> int:
    """As `after_escape` for a run of digits: an escape may end in digits, and then the run begins inside it."""
    if start == 0 or buffer[start - 1] not in _INSIDE:
        return start
    found = _DIGITS.match(buffer, max(0, start - 3), end) or _DIGITS.match(buffer, max(0, start - 2), end)
    found = found or _DIGITS.match(buffer, start - 1, end)
    return found.end() if found and found.end() > start else start


_INSIDE: Final = frozenset(b"%ux0123456789abcdefABCDEF")
_DIGITS: Final = re.compile(rb"%(?:25)?[0-9A-F]{2}|\\u[0-9A-Fa-f]{4}|\\x[0-9A-Fa-f]{2}")
_LEADERS: Final = frozenset(b"\\%")
_REST: Final = re.compile(rb"(?<=\\)(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|[nrtbf0])|(?<=%)(?:25)?[0-9A-F]{2}")
