"""YAML of any size: cut into units that parse by themselves, at lines that begin in the first column.

A unit is one or more documents, top-level keys or top-level list items. A unit without a hit passes as it is, unless
what it goes on with is secret; one that does not parse is read as running text.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.context import Context
from supportbundle.sanitize.edits import Edit, LineCounter, apply, count
from supportbundle.sanitize.find.matcher import Matcher
from supportbundle.sanitize.report import Report
from supportbundle.sanitize.text.dialect import LOG
from supportbundle.sanitize.text.lines import Lines

from . import yamlunit
from .structure import Level
from .unread import Unread

_BREAK: Final = Matcher([rb"\n[^\s#\]}]"])
"""Ends with the first byte of a line that belongs to no line before it."""
_DASH: Final = ord("-")
_DOCUMENT: Final = re.compile(rb"---(?=\s)")
_ITEM: Final = re.compile(rb"-(?=\s)")
_TOP_KEY: Final = re.compile(rb"""(["']?)([^\n:"']++)\1\s*:(?=\s)""")
_LONGEST_KEY: Final = 1 << 10
_TOP_LEVEL_SECRET: Final = re.compile(rb"""^["']?kind["']?\s*:\s*["']?Secret\b(?!List)""", re.MULTILINE)


class YamlStream:
    """Sanitizes a stream that looks like YAML."""

    def __init__(self, context: Context, report: Report) -> None:
        self._context = context
        self._limits = context.limits
        self._report = report
        self._counter = LineCounter()
        self._text = Lines(context, report, LOG, self._counter)
        self._unread = Unread(context, self._text)
        self._gave_up = False
        self._buffer = b""
        self._searched = 0
        self._items = False
        """Whether the unit in the buffer began with a list item, so that a key cannot be part of it."""
        self._continues = False
        """Whether the unit in the buffer goes on with a document whose beginning was written."""
        self._key_line = b""
        """How the line of the last top-level key of this document begins."""
        self._count = 0
        """Top-level list items since then."""
        self._begun: tuple[bytes, int] = (b"", 0)
        """Both, where the unit in the buffer began with an item."""

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        if self._gave_up:
            return self._unread.feed(data)
        self._buffer += data
        out: list[bytes] = []
        while not self._gave_up and len(self._buffer) - self._searched >= self._limits.feed:
            out.append(self._search(self._searched + self._limits.feed))
            if len(self._buffer) > self._limits.cap and self._searched > self._limits.cap - self._limits.feed:
                self._gave_up = True
                out.append(self._unread.feed(self._buffer))
                self._buffer = b""
        return b"".join(out)

    def finish(self) -> bytes:
        """See Reader."""
        if self._gave_up:
            return self._unread.finish()
        return self._search(len(self._buffer)) + self._unit(self._buffer, last=True)

    def _search(self, end: int) -> bytes:
        """Write the units that end in buffer[searched:end]."""
        newline = self._buffer.rfind(b"\n", self._searched, end)
        stop = self._searched if newline < 0 else newline + 1
        out: list[bytes] = []
        begin = 0
        if not self._searched and stop:
            self._items = _ITEM.match(self._buffer) is not None
            self._pass(0, document=False, item=self._items)
        floor = max(0, self._searched - 1)
        for found, _ in _BREAK.find(self._buffer[floor:stop]):
            at = floor + found - 1
            document, item = self._kind(at)
            if self._cuts(at - begin, document=document, item=item):
                out.append(self._unit(self._buffer[begin:at]))
                begin = at
                self._continues = not document
                self._items = item
                self._begun = (self._key_line, self._count) if item else (b"", 0)
            self._pass(at, document=document, item=item)
        self._searched = (stop if newline >= 0 else end) - begin
        self._buffer = self._buffer[begin:]
        return b"".join(out)

    def _kind(self, at: int) -> tuple[bool, bool]:
        """Whether a document, or an item of the outermost list, begins at `at`."""
        if self._buffer[at] != _DASH:
            return False, False
        return _DOCUMENT.match(self._buffer, at) is not None, _ITEM.match(self._buffer, at) is not None

    def _pass(self, at: int, *, document: bool, item: bool) -> None:
        """Note what the line at `at` means for the items after it."""
        if item:
            self._count += 1
        else:
            self._key_line = b"" if document else self._buffer[at : at + _LONGEST_KEY]
            self._count = 0

    def _cuts(self, size: int, *, document: bool, item: bool) -> bool:
        if document or item:
            return size >= self._limits.unit or (document and self._items)
        return self._items or size >= self._limits.whole

    def _unit(self, unit: bytes, *, last: bool = False) -> bytes:
        """One unit sanitized; as running text if it does not parse or a secret goes on into it."""
        if not self._text.swallowing:
            core = self._context.core
            hits = core.scanner.scan(unit, 0, len(unit), len(unit))
            unchanged = None if self._text.torn else list[Edit]()
            levels = self._levels()
            known = hits or any(level.below(core, mapping=False).matters(core) for level in levels)
            edits = yamlunit.edits(self._context, unit, hits, levels, self._begun[1]) if known else unchanged
            if edits is not None:
                if self._continues and hits and _TOP_LEVEL_SECRET.search(unit):
                    raise Unsanitizable(
                        "a Secret object is larger than the window.", "Leave Secrets out of the bundle."
                    )
                count(self._report, unit, edits, self._counter)
                self._counter.at(unit, len(unit))
                self._counter.rebase(0)
                return apply(unit, edits, 0, len(unit))
        return self._unread.feed(unit) + self._unread.finish(more=not last)

    def _levels(self) -> list[Level]:
        """The object whose last list the unit goes on with, if it does."""
        found = _TOP_KEY.match(self._begun[0])
        return [Level(mapping=True, states=self._context.core.paths.root, key=found.group(2))] if found else []
