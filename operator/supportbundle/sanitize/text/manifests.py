"""Secrets of Kubernetes as YAML in the middle of other text: a log that shows a manifest, line by line.

Nothing there parses, so the object is followed by its indentation, whatever the container's runtime puts before each
line. Its `data` may stand before its kind.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from supportbundle.sanitize.documents.structure import SECRET_OBJECT
from supportbundle.sanitize.edits import Edit
from supportbundle.sanitize.markers import marker

from .armour import STAMP

_STAMPED: Final = re.compile(STAMP + rb" ")
_INDENT: Final = re.compile(rb" *+(?>(?:- ++)?)")
_MEMBER: Final = re.compile(rb"""(["']?)[\w.\-/$]{1,256}\1[ \t]*+:(?=[ \t\r\n]|\Z)[ \t]*+""")
_DATA: Final = re.compile(rb"""(["']?)(?:data|stringData)\1[ \t]*+:[ \t]*+""")
_VALUE: Final = re.compile(rb"""("(?>(?:[^"\\\n]|\\.)*)"|'[^'\n]*+'|[^\r\n]*?)[ \t]*+,?[ \t]*+\r?\Z""")
_BLANK: Final = re.compile(rb"[ \t]*+\r?(?:#.*)?\Z")
_NOTHING: Final = frozenset({b"", b"{", b"{}", b"null", b"~"})
_REACH: Final = 64 << 10
"""How far before and after its kind an object is followed."""


class _Line(NamedTuple):
    """A line of the text: `text` is where it begins behind the log's prefix, `content` behind its indentation."""

    start: int
    text: int
    content: int
    end: int

    @property
    def column(self) -> int:
        """Where its content stands; behind a list's dash, where the other members of the item stand."""
        return self.content - self.text


class Open(NamedTuple):
    """An object that may go on: where its members stand, and where those of `data` do; 0 if none came, -1 outside."""

    column: int
    inner: int


class Followed(NamedTuple):
    """The edits, up to where the object was followed, and whether it goes on there."""

    edits: list[Edit]
    end: int
    rest: Open | None


def whole(buffer: bytes, kind: int, floor: int, cut: int, end: int) -> Followed:
    """The object whose `kind: Secret` begins at `kind`, in the lines that begin in buffer[floor:cut]."""
    start = buffer.rfind(b"\n", floor, kind) + 1 or floor
    line = _line(buffer, start, end)
    if buffer[line.content : kind].strip(b"\"'"):
        return Followed([], line.end, None)
    return follow(buffer, _first(buffer, line, max(floor, kind - _REACH)), cut, end, Open(line.column, -1), first=True)


def follow(buffer: bytes, start: int, cut: int, end: int, state: Open, *, first: bool = False) -> Followed:
    """An object from `start` on, in lines that begin before `cut` and end before `end`; `first` says it begins."""
    column, inner = state
    found: list[Edit] = []
    while start < cut:
        line = _line(buffer, start, end)
        if not _BLANK.match(buffer[line.content : line.end]):
            if not first and _outside(buffer, line, column):
                return Followed(found, start, None)
            first = False
            if line.column <= column:
                data = _DATA.match(buffer, line.content, line.end)
                inner = 0 if data else -1
                found += _value(buffer, data.end(), line.end) if data else []
            elif inner >= 0:
                inner = inner or line.column
                found += _entry(buffer, line, inner, end)
        start = line.end + 1
    return Followed(found, start, Open(column, inner))


def _entry(buffer: bytes, line: _Line, inner: int, end: int) -> list[Edit]:
    """A line below `data`: a key with its value, or the rest of a value of several lines, which goes as a whole."""
    member = _MEMBER.match(buffer, line.content, line.end) if line.column == inner else None
    if member:
        return _value(buffer, member.end(), line.end)
    if buffer[line.content : line.end].strip() in {b"}", b"},"} or b"<redacted:" in buffer[line.content : line.end]:
        return []
    return [Edit(line.start, min(line.end + 1, end), b"", ())]


def _value(buffer: bytes, start: int, end: int) -> list[Edit]:
    match = _VALUE.match(buffer[start:end])
    value = match.group(1) if match else b""
    if value in _NOTHING or value.strip(b"\"'") in _NOTHING or b"<redacted:" in value:
        return []
    quote = value[:1] if value[:1] in {b'"', b"'"} and value[-1:] == value[:1] else b""
    return [Edit(start, start + len(value), quote + marker(SECRET_OBJECT) + quote, (SECRET_OBJECT,))]


def _first(buffer: bytes, line: _Line, floor: int) -> int:
    """Where the object begins that `line` belongs to."""
    start, column = line.start, line.column
    while start > floor and buffer[line.text : line.content].strip() != b"-":
        before = buffer.rfind(b"\n", floor, start - 1) + 1 or floor
        line = _line(buffer, before, start - 1)
        if not _BLANK.match(buffer[line.content : line.end]) and _foreign(buffer, line, column):
            return start
        start = before
    return start


def _foreign(buffer: bytes, line: _Line, column: int) -> bool:
    """Whether a line before the kind is none of the object."""
    if line.column == column:
        return buffer[line.content] not in b"}]" and _MEMBER.match(buffer, line.content, line.end) is None
    return line.column < column


def _outside(buffer: bytes, line: _Line, column: int) -> bool:
    """Whether a line after the kind ends the object."""
    dash = buffer[line.text : line.content].strip() == b"-"
    return _foreign(buffer, line, column) or (dash and line.column <= column)


def _line(buffer: bytes, start: int, end: int) -> _Line:
    newline = buffer.find(b"\n", start, end)
    stop = end if newline < 0 else newline
    stamp = _STAMPED.match(buffer, start, stop)
    text = stamp.end() if stamp else start
    indent = _INDENT.match(buffer, text, stop)
    return _Line(start, text, indent.end() if indent else text, stop)
