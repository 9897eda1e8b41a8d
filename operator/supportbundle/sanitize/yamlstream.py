"""YAML of any size: cut into units that parse by themselves, at lines that begin in the first column.

A unit is one or more documents, top-level keys or top-level list items. A unit without a hit passes as it is; one that
does not parse is read as running text.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.errors import Unsanitizable

from . import yamlitem
from .context import Context
from .dialect import LOG
from .edits import Edit, LineCounter, apply, count
from .lines import Lines
from .report import Report

_BREAK: Final = re.compile(rb"^(?:(---)(?=\s)|(-)(?=\s)|[^\s#\]}])", re.MULTILINE)
_TOP_LEVEL_SECRET: Final = re.compile(rb"""^["']?kind["']?\s*:\s*["']?Secret\b(?!List)""", re.MULTILINE)


class YamlStream:
    """Sanitizes a stream that looks like YAML."""

    def __init__(self, context: Context, report: Report) -> None:
        self._context = context
        self._limits = context.limits
        self._report = report
        self._counter = LineCounter()
        self._text = Lines(context, report, LOG, self._counter)
        self._gave_up = False
        self._buffer = b""
        self._searched = 0
        self._items = False
        """Whether the unit in the buffer began with a list item, so that a key cannot be part of it."""
        self._continues = False
        """Whether the unit in the buffer goes on with a document whose beginning was written."""

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        if self._gave_up:
            return self._text.feed(data)
        self._buffer += data
        out: list[bytes] = []
        while not self._gave_up and len(self._buffer) - self._searched >= self._limits.feed:
            out.append(self._search(self._searched + self._limits.feed))
            if len(self._buffer) > self._limits.cap and self._searched > self._limits.cap - self._limits.feed:
                self._gave_up = True
                out.append(self._text.feed(self._buffer))
                self._buffer = b""
        return b"".join(out)

    def finish(self) -> bytes:
        """See Reader."""
        if self._gave_up:
            return self._text.finish()
        return self._search(len(self._buffer)) + self._unit(self._buffer, last=True)

    def _search(self, end: int) -> bytes:
        """Write the units that end in buffer[searched:end]."""
        newline = self._buffer.rfind(b"\n", self._searched, end)
        stop = self._searched if newline < 0 else newline + 1
        out: list[bytes] = []
        begin = 0
        for match in _BREAK.finditer(self._buffer, self._searched, stop):
            at = match.start()
            document, item = match.group(1) is not None, match.group(2) is not None
            if at > begin and self._cuts(at - begin, document=document, item=item):
                out.append(self._unit(self._buffer[begin:at]))
                begin = at
                self._continues = not document
                self._items = item
            elif at == begin:
                self._items = item
        self._searched = (stop if newline >= 0 else end) - begin
        self._buffer = self._buffer[begin:]
        return b"".join(out)

    def _cuts(self, size: int, *, document: bool, item: bool) -> bool:
        if document or item:
            return size >= self._limits.unit or (document and self._items)
        return self._items or size >= self._limits.whole

    def _unit(self, unit: bytes, *, last: bool = False) -> bytes:
        """One unit sanitized; as running text if it does not parse or a secret goes on into it."""
        if not self._text.swallowing:
            hits = self._context.core.scanner.scan(unit, 0, len(unit), len(unit))
            unchanged = None if self._text.torn else list[Edit]()
            edits = yamlitem.edits(self._context, unit, hits) if hits else unchanged
            if edits is not None:
                if self._continues and hits and _TOP_LEVEL_SECRET.search(unit):
                    raise Unsanitizable(
                        "a Secret object is larger than the window.", "Leave Secrets out of the bundle."
                    )
                count(self._report, unit, edits, self._counter)
                self._counter.at(unit, len(unit))
                self._counter.rebase(0)
                return apply(unit, edits, 0, len(unit))
        return self._text.feed(unit) + self._text.finish(more=not last)
