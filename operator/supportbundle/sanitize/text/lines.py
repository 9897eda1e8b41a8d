"""Running text as a stream: cut by content into windows, each with enough text after it to finish what begins in it.

A window is at most `Limits.block` bytes and ends at a line break; only in a longer line it ends anywhere. Hits that
begin in it may reach `Limits.ahead` bytes further; what is longer than that is dropped by a `Swallow` state. The cuts
depend on the text alone, so no split of the input into chunks changes the output.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from supportbundle.sanitize.context import Context
from supportbundle.sanitize.documents import jsonitem
from supportbundle.sanitize.edits import Edit, LineCounter, apply, count, resolve
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.report import Report
from supportbundle.sanitize.rules.records import BlockRule

from . import manifests
from .armour import OpenBlocks
from .dialect import Dialect
from .places import Places
from .plain import plain
from .swallow import Swallow
from .window import Found

_CONTEXT: Final = 256
"""Bytes kept before a window that begins inside a line: a word before a match, a key before its separator."""


class Lines:
    """Sanitizes running text; one instance for each stream or embedded text."""

    def __init__(self, context: Context, report: Report, dialect: Dialect, lines: LineCounter) -> None:
        self._context = context
        self._core = context.core
        self._report = report
        self._dialect = dialect
        self._lines = lines
        self._buffer = b""
        self._start = 0
        self._state: Swallow | None = None
        self._blocks = OpenBlocks()
        self._manifest: manifests.Open | None = None

    @property
    def swallowing(self) -> bool:
        """Whether a secret goes on beyond what was fed."""
        return self._state is not None

    @property
    def torn(self) -> bool:
        """Whether a block that other lines have torn apart may go on beyond what was fed."""
        return self._blocks.count > 0

    def feed(self, data: bytes) -> bytes:
        """Take any part of the text; returns what is finished.

        Raises:
            Unsanitizable: if a secret's end is overdue.
        """
        self._buffer += data
        out: list[bytes] = []
        limits = self._context.limits
        while len(self._buffer) - self._start >= limits.block + limits.ahead:
            stop = self._start + limits.block
            newline = self._buffer.rfind(b"\n", self._start, stop)
            out.append(self._step(newline + 1 if newline >= 0 else stop, stop + limits.ahead, final=False))
        return b"".join(out)

    def finish(self, *, more: bool = False) -> bytes:
        """The rest; `more` says that the text goes on elsewhere, so that a secret may still be open.

        Raises:
            Unsanitizable: if a secret's end is overdue.
        """
        return self._step(len(self._buffer), len(self._buffer), final=not more)

    def _step(self, cut: int, end: int, *, final: bool) -> bytes:
        """Finish buffer[start:cut], looking no further than `end`."""
        start = self._start
        prefix = b""
        if self._state is not None:
            position, prefix, self._state = self._state.resume(self._buffer, start, end, final=final)
            start = max(position, self._start)
        edits, done = ([], end) if self._state is not None else self._edits(start, cut, end, final=final)
        done = max(done, start)
        if self._state is not None:
            done = max(start, edits[-1].end if edits else start)
        count(self._report, self._buffer, edits, self._lines)
        output = prefix + apply(self._buffer, edits, start, done)
        self._advance(done)
        return output

    def _advance(self, done: int) -> None:
        """Forget what was written, keeping a little context where the next window begins inside a line."""
        self._lines.at(self._buffer, done)
        context = 0 if done == 0 or self._buffer[done - 1] == _NEWLINE else min(done, _CONTEXT)
        self._buffer = self._buffer[done - context :]
        self._start = context
        self._lines.rebase(context)

    def _edits(self, start: int, cut: int, end: int, *, final: bool) -> tuple[list[Edit], int]:
        """Resolved edits of what begins in buffer[start:cut], and up to where the window is then finished."""
        window = Places(self._core, self._dialect, self._blocks, self._buffer, end, final, start)
        self._blocks.enter(start)
        edits: list[Edit] = []
        looked, limit = start, cut
        while looked < limit:
            self._look(window, edits, looked, limit)
            # A secret may begin beyond the cut, far behind what announces it: what lies between is written with it.
            looked, limit = limit, max([limit, *(edit.start for edit in edits)])
        if self._blocks.count and self._state is None:
            self._torn(window, edits, max([start, *(edit.end for edit in edits)]), cut, all_of_it=True)
        edits += self._manifests(window, cut)
        resolved = resolve(edits)
        last = resolved[-1].end if resolved else start
        return resolved, last if self._state is not None else max(cut, last)

    def _look(self, window: Places, edits: list[Edit], start: int, limit: int) -> None:
        """Add the edits of what begins in buffer[start:limit]."""
        covered = position = start
        if edits:
            covered, position, *_ = max(edits, key=lambda edit: edit.end)
        for hit in self._core.scanner.scan(self._buffer, start, limit, window.end):
            if self._state is not None and hit.start >= covered:
                break
            if self._blocks.count and self._state is None:
                position = self._torn(window, edits, position, hit.start + 1, all_of_it=False)
                covered = min(covered, position)
                if self._state is not None:
                    break
            # What stands in a key's name, before the value that was taken out, is not gone with it.
            if covered <= hit.start < position and hit.end <= position:
                continue
            simple = None if self._blocks.count else plain(self._core, self._buffer, hit, window.start, window.end)
            if simple is not None:
                edits.append(simple)
                covered, position = simple.start, simple.end
                window.edited_to = position
                continue
            window.enter(hit.start)
            document = self._document(window, hit, window.start)
            if document is not None:
                self._begun(window, hit)
                edits += document
                covered, position = window.start, window.line_end
                continue
            found = window.look(hit)
            if found.edits and found.edits[-1].end > position:
                covered = found.edits[0].start
            position = self._take(window, edits, position, found)

    def _manifests(self, window: Places, cut: int) -> list[Edit]:
        """The edits of manifests of Secrets in the text, in which other hits may lie too."""
        edits: list[Edit] = []
        followed = window.start
        if self._manifest is not None:
            edits, followed, self._manifest = manifests.follow(self._buffer, followed, cut, window.end, self._manifest)
        for kind in window.objects:
            if followed <= kind < cut:
                more, followed, self._manifest = manifests.whole(self._buffer, kind, followed, cut, window.end)
                edits += more
        return edits

    def _begun(self, window: Places, hit: Hit) -> None:
        """Note a block that begins in a JSON line and does not end there: its lines come in JSON lines of their own."""
        rule = hit.rule
        if isinstance(rule, BlockRule) and not re.compile(rule.end.encode()).search(
            self._buffer, hit.end, window.line_end
        ):
            self._blocks.begin(rule, self._buffer[max(window.line_start, hit.start - _CONTEXT) : hit.start])
            self._blocks.cursor = window.line_end + 1

    def _torn(self, window: Places, edits: list[Edit], position: int, limit: int, *, all_of_it: bool) -> int:
        """Take out what begins before `limit` of blocks that other lines have torn apart; returns the new position."""
        while self._state is None and (found := window.torn(position, limit, all_of_it=all_of_it)) is not None:
            position = self._take(window, edits, position, found)
        return position

    def _take(self, window: Places, edits: list[Edit], position: int, found: Found) -> int:
        edits += found.edits
        self._state = found.state or self._state
        if found.edits:
            position = window.edited_to = max(position, found.edits[-1].end)
        return position

    def _document(self, window: Places, hit: Hit, start: int) -> list[Edit] | None:
        """The edits of the whole line, if the line ends with a JSON document that holds the hit."""
        low, high = window.line_start, window.line_end
        if window.failed_line == high or low < start or (high == window.end and not window.final):
            return None
        text = self._buffer[low:high].rstrip()
        opening = text.find(b"{") if text[-1:] in {b"}", b"]"} else -1
        if text[:1] == b"[":
            opening = 0
        if low + opening > hit.start:
            return None
        if opening < 0 or not _is_json(text[opening:]):
            window.failed_line = high
            return None
        return jsonitem.edits(self._context, self._buffer, low + opening, low + len(text))


def _is_json(text: bytes) -> bool:
    try:
        orjson.loads(text)
    except orjson.JSONDecodeError:
        # Bytes that are no UTF-8 say nothing against the structure.
        return not text.isascii() and _is_json(text.translate(_ASCII_ONLY))
    return True


_NEWLINE: Final = ord("\n")
_ASCII_ONLY: Final = bytes(byte if byte < 0x80 else ord("?") for byte in range(256))  # noqa: PLR2004 - where ASCII ends
