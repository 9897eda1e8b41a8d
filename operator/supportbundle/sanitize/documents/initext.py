"""INI: sections, `key = value` and `key: value`, values that go on in deeper lines, comments after `;` and `#`.

The lines are understood as Python's configparser does, which is the most lenient of the readers: git's and systemd's
files are among what it takes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from supportbundle.sanitize.text.dialect import ENV, Dialect

from .outline import Outline
from .structure import VALUES

LINE: Final = re.compile(rb"([^\r\n]*)(?:\r\n|\n|\r|\Z)")
SECTION: Final = re.compile(rb"[ \t]*\[([^\]\r\n]+)\][ \t]*([;#].*)?")
OPTION: Final = re.compile(rb"([ \t]*)([^=:\r\n\[;#!][^=:\r\n]*?)[ \t]*[=:][ \t]*(.*)")
COMMENT: Final = re.compile(rb"[ \t]*[;#!].*")
_QUOTED: Final = re.compile(rb"""(["'])((?>(?:(?!\1)[^\\]|\\.)*))\1[ \t]*\Z""")
"""Nothing may stand behind it: what one reader takes for a comment is the rest of a secret to another."""


@dataclass(slots=True)
class _Open:
    """An option whose value may go on: parts of its value, the lines of all but the first, comments among them."""

    key: bytes
    indent: int
    pieces: list[tuple[int, int]] = field(default_factory=list)
    lines: list[tuple[int, int]] = field(default_factory=list)
    comments: list[tuple[int, int]] = field(default_factory=list)


class Ini:
    """The grammar of INI; see Grammar. Every text follows it, so its claim has to be sure."""

    dialect: Dialect = ENV
    values: frozenset[bytes] = VALUES

    def cut(self, buffer: bytes) -> int:
        """See Grammar: before the last section if there is one, else before the last option."""
        section = option = 0
        indent: int | None = None
        for line in LINE.finditer(buffer):
            if line.start() == len(buffer) or _continues(line.group(1), indent):
                continue
            if SECTION.fullmatch(line.group(1)):
                section, indent = line.start(), None
            elif found := OPTION.fullmatch(line.group(1)):
                option, indent = line.start(), len(found.group(1))
        return section or option

    def follow(self, outline: Outline | None, buffer: bytes, start: int) -> int:
        """See Grammar."""
        if outline is None:
            return len(buffer)
        current: _Open | None = None
        for line in LINE.finditer(buffer, start):
            text = line.group(1)
            if current is not None and _continues(text, current.indent):
                _add(current, line, line.start(1) + len(text) - len(text.lstrip()))
            elif not text.strip() or COMMENT.fullmatch(text):
                if current is None:
                    outline.text(*line.span(1))
                else:
                    current.comments.append(line.span(1))
            else:
                _flush(outline, buffer, current)
                current = _begun(outline, line)
        _flush(outline, buffer, current)
        return len(buffer)


def _continues(text: bytes, indent: int | None) -> bool:
    content = text.lstrip()
    if indent is None or not content or content[:1] in {b";", b"#"}:
        return False
    return len(text) - len(content) > indent


def _begun(outline: Outline, line: re.Match[bytes]) -> _Open | None:
    """A line that begins something: a section, an option or a word alone."""
    text, at = line.group(1), line.start(1)
    section = SECTION.fullmatch(text)
    if section:
        outline.leave()
        outline.enter(section.group(1).strip())
        outline.text(at, at + section.end(1), key=True)
        return None
    option = OPTION.fullmatch(text)
    if option is None:
        outline.text(at, line.end(1))
        return None
    outline.text(at, at + option.end(2), key=True)
    opened = _Open(option.group(2), len(option.group(1)))
    _add(opened, line, at + option.start(3))
    return opened


def _add(opened: _Open, line: re.Match[bytes], start: int) -> None:
    end = line.start(1) + len(line.group(1).rstrip())
    if start < end:
        opened.lines += [line.span()] if opened.pieces else []
        opened.pieces.append((start, end))


def _flush(outline: Outline, buffer: bytes, opened: _Open | None) -> None:
    """Report an option whose value is complete."""
    if opened is None:
        return
    if opened.pieces:
        outline.key(opened.key)
        _value(outline, buffer, opened)
    for start, end in opened.comments:
        outline.text(start, end)


def _value(outline: Outline, buffer: bytes, opened: _Open) -> None:
    start, end = opened.pieces[0]
    quoted = _QUOTED.match(buffer, start, end) if len(opened.pieces) == 1 else None
    if quoted:
        outline.value(*quoted.span(2), quoted.group(2), lambda text: text.replace(b"\n", b" "))
        return
    indent = b"\n" + b" " * (opened.indent + 2)
    value = b"\n".join(buffer[low:high] for low, high in opened.pieces)
    outline.value(start, end, value, lambda text: text.strip().replace(b"\n", indent), rest=tuple(opened.lines))
