"""TOML (https://toml.io/en/v1.0.0): tables, dotted keys, strings of one or many lines, arrays and inline tables."""

from __future__ import annotations

import re
from typing import Final

from supportbundle.sanitize.text.dialect import ENV, Dialect

from .outline import Broken, Outline, Write
from .structure import VALUES

_PART: Final = rb"""(?:[A-Za-z0-9_\-]+|"(?>(?:[^"\\\n]|\\.)*)"|'[^'\n]*+')"""
_KEY: Final = _PART + rb"(?>(?:[ \t]*\.[ \t]*" + _PART + rb")*)"
_EMPTY: Final = re.compile(rb"[ \t\r]*(#[^\n]*)?(?:\n|\Z)")
_HEADER: Final = re.compile(rb"[ \t]*\[\[?[ \t]*(" + _KEY + rb")[ \t]*\]\]?[ \t]*(#[^\n]*)?\r?(?:\n|\Z)")
_ASSIGN: Final = re.compile(rb"[ \t]*(" + _KEY + rb")[ \t]*=[ \t]*")
_TAIL: Final = re.compile(rb"[ \t]*(#[^\n]*)?\r?(?:\n|\Z)")
_PARTS: Final = re.compile(_PART)
_MEMBER: Final = re.compile(rb"(" + _KEY + rb")[ \t]*=[ \t]*")
_GAP: Final = re.compile(rb"[\s,]*")
_COMMENT: Final = re.compile(rb"#[^\n]*")
_SCALAR: Final = re.compile(
    rb'''(?P<ml>"""(?>(?:[^\\"]++|\\[\s\S]|"{1,2}(?!"))*)"{3,5})'''
    rb"""|(?P<mlraw>'''(?>(?:[^']++|'{1,2}(?!'))*)'{3,5})"""
    rb"""|(?P<basic>"(?>(?:[^"\\\n]++|\\[^\n])*)")|(?P<raw>'[^'\n]*+')"""
    rb"""|(?P<bare>\d{4}-\d\d-\d\d[ ]\d\d:[\d:.+\-Z]+|true|false|[+\-]?(?:inf|nan|\d[A-Za-z0-9_.:+\-]*))""",
)
_ESCAPE: Final = re.compile(rb"""\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([btnfr"\\e])|[ \t]*\r?\n\s*|.)""", re.DOTALL)
_NAMED: Final = {b"b": b"\b", b"t": b"\t", b"n": b"\n", b"f": b"\f", b"r": b"\r", b"e": b"\x1b"}
_UNWRITABLE: Final = re.compile(rb'[\x00-\x08\x0b-\x1f\x7f"\\]')
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0b-\x1f\x7f]")
_MAX_DEPTH: Final = 100


class Toml:
    """The grammar of TOML; see Grammar."""

    dialect: Dialect = ENV
    values: frozenset[bytes] = VALUES

    def cut(self, buffer: bytes) -> int:
        """See Grammar: before the last table if there is one, so that tables stay whole."""
        position = last = 0
        while position < len(buffer):
            following = _statement(None, buffer, position)
            if following is None or following == len(buffer):
                break
            if _HEADER.match(buffer, position):
                last = position
            position = following
        return last or position

    def follow(self, outline: Outline | None, buffer: bytes, start: int) -> int:
        """See Grammar."""
        while start < len(buffer):
            following = _statement(outline, buffer, start)
            if following is None:
                break
            start = following
        return start


def _statement(outline: Outline | None, buffer: bytes, start: int) -> int | None:
    """The end of the line, table header or assignment that begins at `start`; None if it is none."""
    empty = _EMPTY.match(buffer, start)
    if empty:
        if outline is not None:
            outline.text(*empty.span(1))
        return empty.end()
    header = _HEADER.match(buffer, start)
    if header:
        if outline is not None:
            _header(outline, header)
        return header.end()
    assign = _ASSIGN.match(buffer, start)
    if assign is None:
        return None
    try:
        end = _assigned(outline, buffer, assign)
    except Broken:
        return None
    tail = _TAIL.match(buffer, end)
    if tail and outline is not None:
        outline.text(*tail.span(1))
    return tail.end() if tail else None


def _header(outline: Outline, header: re.Match[bytes]) -> None:
    while outline.names:
        outline.leave()
    for part in _PARTS.finditer(header.group(1)):
        outline.enter(_name(part.group()))
    outline.text(*header.span(1), key=True)
    outline.text(*header.span(2))


def _assigned(outline: Outline | None, buffer: bytes, assign: re.Match[bytes]) -> int:
    """The end of the value; arrays and inline tables are followed without recursion."""
    _key(outline, assign)
    brackets: list[int] = []
    position = assign.end()
    while True:
        first = buffer[position : position + 1]
        if first in {b"[", b"{"}:
            if len(brackets) >= _MAX_DEPTH:
                raise Broken
            brackets.append(first[0])
            if outline is not None:
                outline.open(position, _basic, mapping=first == b"{")
            position += 1
        else:
            position = _scalar(outline, buffer, position)
        position = _closed(outline, buffer, position, brackets)
        if not brackets:
            return position
        if brackets[-1] == _BRACE:
            member = _MEMBER.match(buffer, position)
            if member is None:
                raise Broken
            _key(outline, member)
            position = member.end()


def _closed(outline: Outline | None, buffer: bytes, position: int, brackets: list[int]) -> int:
    """Where the next element begins, or the outermost bracket ended."""
    while brackets:
        position = _gap(outline, buffer, position)
        if buffer[position : position + 1] not in {b"]", b"}"}:
            break
        if buffer[position] != brackets.pop() + 2:
            raise Broken
        position += 1
        if outline is not None:
            outline.close(position)
    return position


def _key(outline: Outline | None, match: re.Match[bytes]) -> None:
    if outline is not None:
        outline.text(*match.span(1), key=True)
        outline.key(b".".join(_name(part.group()) for part in _PARTS.finditer(match.group(1))))


def _gap(outline: Outline | None, buffer: bytes, position: int) -> int:
    """The end of white space, commas and comments between elements."""
    while True:
        gap = _GAP.match(buffer, position)
        position = gap.end() if gap else position
        comment = _COMMENT.match(buffer, position)
        if comment is None:
            return position
        if outline is not None:
            outline.text(*comment.span())
        position = comment.end()


def _scalar(outline: Outline | None, buffer: bytes, position: int) -> int:
    match = _SCALAR.match(buffer, position)
    if match is None:
        raise Broken
    if outline is not None:
        value, write = _understood(match)
        outline.value(*match.span(), value, write, string=match.lastgroup != "bare")
    return match.end()


def _understood(match: re.Match[bytes]) -> tuple[bytes, Write]:
    """What a scalar says, and how another is written in its place."""
    text = match.group()
    match match.lastgroup:
        case "ml":
            return _unescaped(_body(text)), _ml
        case "mlraw":
            return _body(text), _mlraw
        case "basic":
            return _unescaped(text[1:-1]), _basic
        case "raw":
            return text[1:-1], _raw
        case _:
            return text, _basic


def _body(text: bytes) -> bytes:
    """Of a string of many lines: without the line break that may follow its quotes."""
    return re.sub(rb"\A\r?\n", b"", text[3:-3])


def _name(part: bytes) -> bytes:
    if part[:1] == b'"':
        return _unescaped(part[1:-1])
    return part[1:-1] if part[:1] == b"'" else part


def _unescaped(text: bytes) -> bytes:
    if b"\\" not in text:
        return text
    return _ESCAPE.sub(_character, text)


def _character(match: re.Match[bytes]) -> bytes:
    code = match.group(1) or match.group(2)
    if code:
        number = int(code, 16)
        return chr(number).encode("utf-8", "surrogatepass") if number <= _LAST_CHARACTER else match.group()
    named: bytes | None = match.group(3)
    if named:
        return _NAMED.get(named, named)
    return b"" if match.group()[1:].isspace() else match.group()


def _escaped(text: bytes) -> bytes:
    return _UNWRITABLE.sub(lambda match: b"\\u%04x" % match.group()[0], text)


def _basic(value: bytes) -> bytes:
    return b'"' + _escaped(value).replace(b"\n", b"\\n") + b'"'


def _raw(value: bytes) -> bytes:
    return _basic(value) if b"'" in value or b"\n" in value or _CONTROL.search(value) else b"'" + value + b"'"


def _ml(value: bytes) -> bytes:
    return b'"""\n' + _escaped(value) + b'"""' if b"\n" in value else b'"""' + _escaped(value) + b'"""'


def _mlraw(value: bytes) -> bytes:
    return _ml(value) if b"'''" in value or value.endswith(b"'") else b"'''\n" + value + b"'''"


_BRACE: Final = ord("{")
_LAST_CHARACTER: Final = 0x10FFFF
