"""The second pass over sanitized text: windows, hits, and replacements, none of which depends on how the text arrives.

A window ends at a line break, or in a longer line anywhere. A value belongs to the window in which it begins, and is
at most `_AHEAD` bytes long; what stands up to `_BEHIND` bytes before it decides what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import hyperscan

from supportbundle.sanitize.edits import LineCounter
from supportbundle.sanitize.reader import Reader
from supportbundle.sanitize.report import Report

from .finding import Finder, Swap

_BLOCK: Final = 256 << 10
_AHEAD: Final = 1 << 10
_BEHIND: Final = 512


class Scanner:
    """The triggers of all finders as one database; immutable, shared by threads."""

    def __init__(self, finders: Sequence[Finder]) -> None:
        self._where = [(finder.find, number) for finder in finders for number, _ in enumerate(finder.triggers)]
        triggers = [trigger for finder in finders for trigger in finder.triggers]
        self.database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self.database.compile(
            expressions=[trigger.expression for trigger in triggers],
            ids=list(range(len(triggers))),
            elements=len(triggers),
            flags=[trigger.flags for trigger in triggers],
        )

    def swaps(self, buffer: bytes, hits: Sequence[tuple[int, int]], start: int, cut: int) -> list[Swap]:
        """Replacements that begin in buffer[start:cut], in order; of two that meet the one that begins first."""
        where = self._where
        found: list[Swap] = []
        done = -1
        ordered = True
        for number, at in hits:
            find, own = where[number]
            swap = find(buffer, at, own)
            if swap is not None and start <= swap.start < cut:
                ordered = ordered and swap.start >= done
                done = swap.end
                found.append(swap)
        return found if ordered else _resolved(found)


def _resolved(swaps: list[Swap]) -> list[Swap]:
    chosen: list[Swap] = []
    for swap in sorted(swaps, key=lambda each: (each.start, -each.end)):
        if not chosen or swap.start >= chosen[-1].end:
            chosen.append(swap)
    return chosen


class SwapStream:
    """One text, read and changed by one thread at a time; a Reader."""

    def __init__(self, scanner: Scanner, report: Report, *, block: int = _BLOCK) -> None:
        self._scanner = scanner
        self._report = report
        self._block = block
        self._lines = LineCounter()
        self._buffer = b""
        self._start = 0
        self._hits: list[tuple[int, int]] = []
        # Kept, because the binding borrows them; a scratch serves one thread at a time.
        self._callback = self._on_match
        self._scratch = hyperscan.Scratch(scanner.database)

    def feed(self, data: bytes) -> bytes:
        """See Reader; never raises."""
        self._buffer += data
        out: list[bytes] = []
        while len(self._buffer) - self._start >= self._block + _AHEAD:
            stop = self._start + self._block
            newline = self._buffer.rfind(b"\n", self._start, stop)
            out += self._step(newline + 1 if newline >= 0 else stop, stop + _AHEAD)
        return b"".join(out)

    def finish(self) -> bytes:
        """See Reader; never raises."""
        return b"".join(self._step(len(self._buffer), len(self._buffer)))

    def _on_match(self, number: int, _start: int, end: int, _flags: int, _context: object) -> None:
        self._hits.append((number, end))

    def _step(self, cut: int, end: int) -> list[bytes]:
        """Finish buffer[start:cut], looking no further than `end`."""
        window = self._buffer[:end]
        self._hits.clear()
        self._scanner.database.scan(window, match_event_handler=self._callback, scratch=self._scratch)
        parts: list[bytes] = []
        done = self._start
        for swap in self._scanner.swaps(window, self._hits, self._start, cut):
            parts += (window[done : swap.start], swap.text)
            if self._report.tally(swap.rule):
                self._report.place(swap.rule, self._lines.at(window, swap.start))
            done = swap.end
        if done < cut:
            parts.append(window[done:cut])
            done = cut
        self._forget(done)
        return parts

    def _forget(self, done: int) -> None:
        self._lines.at(self._buffer, done)
        kept = min(done, _BEHIND)
        self._buffer = self._buffer[done - kept :]
        self._start = kept
        self._lines.rebase(kept)


class Untouched:
    """For texts in which nothing is looked for; a Reader."""

    def feed(self, data: bytes) -> bytes:
        """See Reader; never raises."""
        return data

    def finish(self) -> bytes:
        """See Reader; never raises."""
        return b""


class Chained:
    """A reader whose output passes a second one."""

    def __init__(self, first: Reader, second: Reader) -> None:
        self._first = first
        self._second = second

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        return self._second.feed(self._first.feed(data))

    def finish(self) -> bytes:
        """See Reader."""
        return self._second.feed(self._first.finish()) + self._second.finish()
