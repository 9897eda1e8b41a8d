"""JSON documents of any size: cut between whole values, each stretch sanitized by itself.

Brackets and strings are followed through the whole stream, so every cut is known to lie outside of strings. A stretch
ends after a list's element; the first cut into a document waits for more text, so that ordinary objects are seen
whole. Text that turns out to be no JSON goes on as running text.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.errors import Unsanitizable

from . import jsonitem
from .context import Context
from .dialect import LOG
from .edits import LineCounter, apply, count
from .lines import Lines
from .report import Report

_TOKEN: Final = re.compile(rb'"[^"\\\n]*+(?:\\[^\n][^"\\\n]*+)*+(")?|[{}\[\]]')
_OUTSIDE: Final = re.compile(rb"[\s,:]*\Z")
_PARENT_KEY: Final = re.compile(rb'"([^"\\]*)"\s*:\s*[{\[]?\s*\Z')


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
        self._open: list[tuple[int, int]] = []
        """Open brackets: the byte and its position in the buffer (negative once written)."""
        self._cut = 0
        self._cut_depth = 0
        self._base_depth = 0
        self._text: Lines | None = None

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
            self._refuse_secret_parents()
            out = self._write(self._cut)
        elif len(self._buffer) > self._limits.cap:
            return self._give_up()
        return out

    def _follow(self, *, final: bool) -> bool:
        """Match brackets in what is new; False if this is no JSON."""
        for match in _TOKEN.finditer(self._buffer, self._scanned):
            low, high = match.span()
            first = self._buffer[low]
            if first == _QUOTE:
                if match.start(1) < 0:
                    # At the buffer's end, or before a backslash there, the string may go on in what comes next.
                    return high >= len(self._buffer) - 1 and not final
            elif first in b"{[":
                self._open.append((first, low))
            elif not self._close(first, high):
                return False
            self._scanned = high
        self._scanned = max(self._scanned, len(self._buffer.rstrip(b" \t\r\n,:")))
        return True

    def _close(self, bracket: int, position: int) -> bool:
        if not self._open or self._open.pop()[0] != bracket - 2:
            return False
        depth = len(self._open)
        in_list = not self._open or self._open[-1][0] == _LIST
        if in_list and (not self._cut or depth <= self._cut_depth):
            self._cut, self._cut_depth = position, depth
        return True

    def _refuse_secret_parents(self) -> None:
        """A list that is secret as a whole cannot be cut."""
        for _, position in self._open[: self._cut_depth]:
            parent = _PARENT_KEY.search(self._buffer, max(0, position - 256), position) if position > 0 else None
            key = self._context.core.classify(parent.group(1)) if parent else None
            if key is not None and not key.rule.value:
                raise Unsanitizable(f"a value under a name like a {key.rule.name} is larger than the window.")

    def _write(self, end: int) -> bytes:
        fragment = self._base_depth > 0 or end < len(self._buffer)
        edits = jsonitem.edits(self._context, self._buffer, 0, end, fragment=fragment)
        count(self._report, self._buffer, edits, self._lines)
        out = apply(self._buffer, edits, 0, end)
        self._lines.at(self._buffer, end)
        self._lines.rebase(0)
        self._buffer = self._buffer[end:]
        self._scanned = max(0, self._scanned - end)
        self._open = [(bracket, position - end) for bracket, position in self._open]
        self._base_depth, self._cut, self._cut_depth = self._cut_depth, 0, 0
        return out

    def _give_up(self) -> bytes:
        """From here on this is running text."""
        self._text = Lines(self._context, self._report, LOG, self._lines)
        self._open.clear()
        return self._text.feed(self._buffer)


_QUOTE: Final = ord('"')
_LIST: Final = ord("[")
