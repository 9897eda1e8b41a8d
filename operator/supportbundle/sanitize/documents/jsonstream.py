"""JSON documents of any size: cut between whole values, each stretch sanitized by itself.

Brackets and strings are followed through the whole stream, so every cut is known to lie outside of strings. A stretch
ends after a list's element; the first cut into a document waits for more text, so that ordinary objects are seen
whole. What the next stretch stands in, and what claims it, goes along as `Level`s. Text that turns out to be no JSON
goes on as running text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from supportbundle.sanitize.context import Context
from supportbundle.sanitize.edits import LineCounter, apply, count
from supportbundle.sanitize.report import Report
from supportbundle.sanitize.text.dialect import LOG
from supportbundle.sanitize.text.lines import Lines

from . import jsonitem
from .jsonstring import decoded
from .structure import Level
from .unread import Unread

_TOKEN: Final = re.compile(rb'"[^"\\\n]*+(?>(?:\\[^\n][^"\\\n]*+)*)(")?|[{}\[\]]')
_TOKEN_OR_COMMA: Final = re.compile(_TOKEN.pattern + b"|,")
_OUTSIDE: Final = re.compile(rb"[\s,:]*\Z")
_PARENT_KEY: Final = re.compile(rb'("[^"\\]*+(?>(?:\\.[^"\\]*+)*)")\s*:\s*\Z', re.DOTALL)
_ELEMENT: Final = re.compile(rb'\s*+,\s*+\{\s*+"[^"\\]{1,64}+"\s*+:')
"""The end of an element of a list and the beginning of the next, an object."""
_TRIES: Final = 8
_NO_BRACKETS: Final = bytes(set(range(256)) - set(b"{}[]"))
_CLOSE: Final = ord("}")
_LONGEST_KEY: Final = 1 << 10
_DEEPEST: Final = 64
"""Lists that deep inside others are not cut."""


@dataclass(slots=True)
class _Bracket:
    """An open object or list: the byte, its position in the buffer, and commas seen in it; `level` once it was cut."""

    kind: int
    position: int
    commas: int = 0
    level: Level | None = None


class JsonStream:
    """Sanitizes a stream that began like a JSON document."""

    def __init__(self, context: Context, report: Report) -> None:
        self._context = context
        self._limits = context.limits
        self._report = report
        self._lines = LineCounter()
        self._buffer = b""
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._scanned = 0
        self._token = _TOKEN_OR_COMMA if context.core.paths.counts else _TOKEN
        self._open: list[_Bracket] = []
        self._levels: list[Level] = []
        """What the buffer begins in: the outermost of the open brackets."""
        self._cut = 0
        self._cut_depth = 0
        self._cut_in: list[tuple[_Bracket, int]] = []
        """The brackets that were open at the cut, and the commas seen in them."""
        self._base_depth = 0
        self._hopped = False
        self._text: Unread | None = None

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size < self._limits.feed:
            return b""
        joined = b"".join(self._waiting)
        out: list[bytes] = []
        position = 0
        while len(joined) - position >= self._limits.feed:
            out.append(self._take(joined[position : position + self._limits.feed]))
            position += self._limits.feed
        self._waiting = [joined[position:]]
        self._waiting_size = len(joined) - position
        return b"".join(out)

    def finish(self) -> bytes:
        """See Reader."""
        out = self._take(b"".join(self._waiting), final=True)
        return out + (self._write(len(self._buffer)) if self._text is None else self._text.finish())

    def _take(self, data: bytes, *, final: bool = False) -> bytes:
        if self._text is not None:
            return self._text.feed(data)
        self._buffer += data
        self._hop()
        sound = self._follow(final=final)
        if not sound or (final and (self._open or not _OUTSIDE.search(self._buffer, self._scanned))):
            return self._give_up()
        limit = self._limits.stretch if self._base_depth else self._limits.whole
        out = b""
        if (
            self._cut
            and (self._cut_depth <= self._base_depth or len(self._buffer) >= limit)
            and len(self._buffer) >= self._limits.stretch
        ):
            out = self._write(self._cut, cut=True)
        elif len(self._buffer) > self._limits.cap:
            return self._give_up()
        return out

    def _hop(self) -> None:
        """Pass over whole elements of a list without following them, where elements begin alike.

        Outside of a string nothing else can look like a comma, a brace and the first key's quote, because in a string
        the quote would be escaped. Brackets that all close each other in between then say that it is the same list:
        what claims one list says nothing of the next. Brackets in strings can only deceive this where nothing is
        secret: any key that claims a list has the stretch walked, and then it shows.
        """
        depth = self._cut_depth if self._cut else self._base_depth
        if not 0 < depth <= len(self._open) or self._context.core.paths.root:
            return
        inner = self._open[depth - 1]
        if inner.kind != _LIST or not (self._cut_in[-1][0] is inner if self._cut else inner.level):
            return
        begin = self._cut
        element = _ELEMENT.match(self._buffer, begin)
        last = len(self._buffer)
        if element is None:
            return
        for _ in range(_TRIES):
            last = self._buffer.rfind(element.group(), begin + 1, last)
            if last < 0:
                return
            if self._buffer[last - 1] == _CLOSE and self._balanced(begin, last):
                self._hopped = True
                del self._open[depth:]
                self._cut = self._scanned = last
                self._cut_depth = depth
                self._cut_in = [(each, each.commas) for each in self._open]
                return

    def _balanced(self, begin: int, end: int) -> bool:
        """Whether no bracket in between belongs to one outside."""
        left = self._buffer[begin:end].translate(None, _NO_BRACKETS)
        for _ in range(_DEEPEST):
            less = left.replace(b"{}", b"").replace(b"[]", b"")
            if len(less) == len(left):
                break
            left = less
        return not left

    def _follow(self, *, final: bool) -> bool:
        """Match brackets in what is new; False if this is no JSON."""
        for match in self._token.finditer(self._buffer, self._scanned):
            low, high = match.span()
            first = self._buffer[low]
            if not self._open and self._buffer[self._scanned : low].strip(b" \t\r\n,"):
                return False  # words between documents: this is a text that only began like JSON
            if first == _QUOTE:
                if match.start(1) < 0:
                    # At the buffer's end, or before a backslash there, the string may go on in what comes next.
                    return high >= len(self._buffer) - 1 and not final
            elif first in b"{[":
                self._open.append(_Bracket(first, low))
            elif first == _COMMA:
                if self._open:
                    self._open[-1].commas += 1
            elif not self._close(first, high):
                return False
            self._scanned = high
        self._scanned = max(self._scanned, len(self._buffer.rstrip(b" \t\r\n,:")))
        return True

    def _close(self, bracket: int, position: int) -> bool:
        if not self._open or self._open.pop().kind != bracket - 2:
            return False
        depth = len(self._open)
        in_list = not self._open or self._open[-1].kind == _LIST
        if in_list and depth <= (self._cut_depth if self._cut else _DEEPEST):
            self._cut, self._cut_depth = position, depth
            self._cut_in = [(each, each.commas) for each in self._open]
        return True

    def _levels_at_cut(self) -> list[Level]:
        """What the text after the cut stands in.

        Raises:
            Unsanitizable: if that is secret as a whole.
        """
        core = self._context.core
        levels: list[Level] = []
        for bracket, commas in self._cut_in:
            mapping = bracket.kind == _OBJECT
            if bracket.level is None and levels:
                # The elements up to the cut count as done, also the one that goes on.
                above = levels[-1]._replace(key=self._key_before(bracket.position), done=levels[-1].done - 1)
                bracket.level = above.below(core, mapping=mapping)
            elif bracket.level is None:
                bracket.level = Level(mapping, states=core.paths.root)
            levels.append(bracket.level._replace(done=commas + 1))
        return levels

    def _key_before(self, position: int) -> bytes | None:
        """The name of what begins at `position`, if it has one."""
        found = _PARENT_KEY.search(self._buffer, max(0, position - _LONGEST_KEY), position)
        return decoded(found.group(1)) if found else None

    def _left_open(self) -> tuple[int, ...]:
        return tuple(-1 if bracket.level else bracket.position for bracket in self._open[: self._cut_depth])

    def _write(self, end: int, *, cut: bool = False) -> bytes:
        fragment = self._base_depth > 0 or cut
        levels = self._levels_at_cut() if cut else []
        left_open = self._left_open() if cut and self._hopped else None
        around = jsonitem.Around(fragment, self._levels, left_open)
        edits = jsonitem.edits(self._context, self._buffer, 0, end, around)
        self._hopped = False
        count(self._report, self._buffer, edits, self._lines)
        out = apply(self._buffer, edits, 0, end)
        self._lines.at(self._buffer, end)
        self._lines.rebase(0)
        self._buffer = self._buffer[end:]
        self._scanned = max(0, self._scanned - end)
        for bracket in self._open:
            bracket.position -= end
        self._levels = levels
        self._base_depth, self._cut, self._cut_depth = self._cut_depth, 0, 0
        return out

    def _give_up(self) -> bytes:
        """From here on this is running text."""
        self._text = Unread(self._context, Lines(self._context, self._report, LOG, self._lines))
        self._open.clear()
        return self._text.feed(self._buffer)


_QUOTE: Final = ord('"')
_LIST: Final = ord("[")
_OBJECT: Final = ord("{")
_COMMA: Final = ord(",")
