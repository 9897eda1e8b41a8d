"""Java properties (java.util.Properties.load): three separators, lines continued by a backslash, Unicode escapes."""

from __future__ import annotations

import re
from typing import Final

from supportbundle.sanitize.text.dialect import ENV, Dialect

from .outline import Outline
from .structure import VALUES

# A logical line: natural lines that end with an odd number of backslashes are continued.
_LOGICAL: Final = re.compile(
    rb"[ \t\f]*(?:([#!][^\r\n]*)|((?>(?:[^\\\r\n]++|\\(?:\r\n|[\s\S]|\Z))*)))(?:\r\n|\n|\r|\Z)"
)
_PAIR: Final = re.compile(
    rb"((?>(?:[^\\\s=:]++|\\(?:\r\n[ \t\f]*|[\r\n][ \t\f]*|[^\r\n]))*))(?:[ \t\f]|\\(?:\r\n|\n|\r))*[=:]?"
    rb"(?:[ \t\f]|\\(?:\r\n|\n|\r))*([\s\S]*)"
)
_ESCAPE: Final = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|(?:\r\n|\n|\r)[ \t\f]*|([\s\S]))")
_BREAK: Final = re.compile(rb"\\(\r\n|\n|\r)[ \t\f]*")
_NAMED: Final = {b"t": b"\t", b"n": b"\n", b"r": b"\r", b"f": b"\f"}
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


class Properties:
    """The grammar of properties; see Grammar. Every text follows it, so its claim has to be sure."""

    dialect: Dialect = ENV
    values: frozenset[bytes] = VALUES

    def cut(self, buffer: bytes) -> int:
        """See Grammar: before the last line, which may be continued."""
        last = 0
        for line in _LOGICAL.finditer(buffer):
            if line.start() < len(buffer):
                last = line.start()
        return last

    def follow(self, outline: Outline | None, buffer: bytes, start: int) -> int:
        """See Grammar."""
        if outline is not None:
            for line in _LOGICAL.finditer(buffer, start):
                if line.group(1):
                    outline.text(*line.span(1))
                elif line.group(2):
                    _pair(outline, buffer, *line.span(2))
        return len(buffer)


def _pair(outline: Outline, buffer: bytes, start: int, end: int) -> None:
    pair = _PAIR.match(buffer, start, end)
    if pair is None:
        return
    outline.text(*pair.span(1), key=True)
    raw = pair.group(2)
    coded = rb"\u" in raw
    if raw:
        outline.key(unescaped(pair.group(1)))
        outline.value(*pair.span(2), unescaped(raw), lambda text: _written(text, coded=coded))


def joined(text: bytes) -> bytes:
    """The text with each logical line in one, escapes and comments as they are."""
    parts: list[bytes] = []
    done = low = 0
    goes_on = -1
    for match in _BREAK.finditer(text):
        at = match.start()
        begin = max(low, text.rfind(b"\n", low, at) + 1, text.rfind(b"\r", low, at) + 1)
        line = text[begin:at]
        low = match.end(1)
        # Only what begins a logical line can be a comment, and a comment is not continued.
        if begin != goes_on and line.lstrip(b" \t\f")[:1] in {b"#", b"!"}:
            continue
        if (len(line) - len(line.rstrip(b"\\"))) % 2 == 0:
            parts.append(text[done:at])
            done, goes_on = match.end(), low
    return b"".join([*parts, text[done:]])


def unescaped(text: bytes) -> bytes:
    """A key or value as the program sees it, in UTF-8 where it was escaped."""
    return _ESCAPE.sub(_character, text) if b"\\" in text else text


def _character(match: re.Match[bytes]) -> bytes:
    if match.group(1):
        return chr(int(match.group(1), 16)).encode("utf-8", "surrogatepass")
    plain: bytes | None = match.group(2)
    return _NAMED.get(plain, plain) if plain else b""


def _written(text: bytes, *, coded: bool) -> bytes:
    """A value with what must be escaped; `coded` says that other than ASCII was."""
    out = text.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r").replace(b"\f", b"\\f")
    out = b"\\" + out if out[:1] in {b" ", b"\t"} else out
    if not coded:
        return out
    words = out.decode("utf-8", "surrogateescape")
    return _NOT_ASCII.sub(_coded, words).encode("utf-8", "surrogateescape")


def _coded(match: re.Match[str]) -> str:
    char = match.group()
    if "\udc80" <= char <= "\udcff":
        return char
    return "".join(f"\\u{unit:04x}" for unit in _units(char))


def _units(char: str) -> list[int]:
    raw = char.encode("utf-16-be", "surrogatepass")
    return [int.from_bytes(raw[index : index + 2]) for index in range(0, len(raw), 2)]
