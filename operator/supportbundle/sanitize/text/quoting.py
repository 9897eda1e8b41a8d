"""Where a raw value ends: quotes at any depth of backslash escaping, brackets, and unquoted words.

A quote that stands inside n string literals is preceded by 2^n - 1 backslashes. So for a run of r backslashes before a
quote, the number of trailing zero bits of r + 1 is the depth at which that quote opens or closes.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

OPENING: Final = re.compile(rb"""(\\*)(["'`])""")
_QUOTES: Final = {quote: re.compile(rb"\\*" + quote) for quote in (b'"', b"'", b"`")}
_BRACKETS: Final = re.compile(rb"""\\*["']|[\[\]{}]""")
# A delimiter ends an unquoted value only if something that is not the value follows: passwords contain delimiters too.
UNQUOTED: Final = re.compile(
    rb"""(?:
        <redacted:[a-z0-9-]+>
      | [^\s\0"'`,;&)}\]\\<]
      | \\(?!\\*["'nrt])
      | <(?!/)
      | ["'`](?![\s\0,;:)\]}>]|\Z)
      | ,(?!\s|\0|\Z|["']|[\w.\-]+["']?[=:])
      | [;&](?!\s|\0|\Z|[\w.\- ]+=)
      | [)}\]](?![\s\0,;.)}\]"'`]|\Z)
    )+""",
    re.VERBOSE,
)
_JSON_WORD: Final = re.compile(rb"[^\s\0,}\]\"'\\]+")


class Quote(NamedTuple):
    """An opening quote: which mark, and inside how many string literals it stands."""

    mark: bytes
    depth: int

    @property
    def token(self) -> bytes:
        """The quote as it is written at its depth."""
        return b"\\" * ((1 << self.depth) - 1) + self.mark


def depth_of(backslashes: int) -> int:
    """The depth of a quote after so many backslashes."""
    run = backslashes + 1
    return (run & -run).bit_length() - 1


def opening(buffer: bytes, start: int, end: int) -> tuple[Quote, int] | None:
    """The quote that opens at `start` and where its content begins."""
    match = OPENING.match(buffer, start, end)
    if match is None:
        return None
    return Quote(match.group(2), depth_of(len(match.group(1)))), match.end()


def closing(buffer: bytes, start: int, end: int, quote: Quote) -> int:
    """Where the content that began at `start` ends: before its closing quote or an outer string's; -1 if open."""
    for match in _QUOTES[quote.mark].finditer(buffer, start, end):
        depth = depth_of(match.end() - match.start() - 1)
        if depth <= quote.depth:
            return match.end() - (1 << depth)
    return -1


def balanced(buffer: bytes, start: int, end: int, depth: int) -> int:
    """The end of the bracketed value that opens at `start`, its strings at `depth`; -1 if it does not close."""
    open_brackets = 0
    inside: bytes = b""
    for match in _BRACKETS.finditer(buffer, start, end):
        mark = match.group()[-1:]
        if mark in b"\"'":
            if depth_of(len(match.group()) - 1) == depth and inside in {b"", mark}:
                inside = b"" if inside else mark
        elif not inside:
            open_brackets += 1 if mark in b"[{" else -1
            if open_brackets == 0:
                return match.end()
    return -1


def unquoted(buffer: bytes, start: int, end: int) -> int:
    """The end of an unquoted value in running text."""
    match = UNQUOTED.match(buffer, start, end)
    return match.end() if match else start


def json_word(buffer: bytes, start: int, end: int) -> int:
    """The end of a number, boolean or other bare word after a quoted key."""
    match = _JSON_WORD.match(buffer, start, end)
    return match.end() if match else start
