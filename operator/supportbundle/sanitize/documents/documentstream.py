"""Configuration files of any size: read whole if they are of ordinary size, cut between statements if not.

A grammar follows the text and reports to an `Outline`. What does not follow its grammar, from there on, and a
statement that is too long to be held, go to the reader of running text.
"""

from __future__ import annotations

from typing import Protocol

from supportbundle.sanitize.context import Context
from supportbundle.sanitize.edits import Edit, LineCounter, apply, count
from supportbundle.sanitize.report import Report
from supportbundle.sanitize.text.dialect import Dialect
from supportbundle.sanitize.text.lines import Lines

from .outline import Broken, Outline


class Grammar(Protocol):
    """How one format is read; without state of its own."""

    dialect: Dialect
    """How what does not follow the grammar is read."""
    values: frozenset[bytes]
    """Names under which the value of what is named beside it stands."""

    def cut(self, buffer: bytes) -> int:
        """Where buffer, which goes on elsewhere, can be divided: the end of a statement, 0 if there is none."""
        ...

    def follow(self, outline: Outline | None, buffer: bytes, start: int) -> int:
        """Report all statements of buffer[start:], which ends with one; returns where the first broken one begins."""
        ...


class DocumentStream:
    """Sanitizes one document by a grammar."""

    def __init__(self, grammar: Grammar, context: Context, report: Report) -> None:
        self._grammar = grammar
        self._limits = context.limits
        self._report = report
        self._counter = LineCounter()
        self._outline = Outline(context, grammar.values)
        self._text = Lines(context, report, grammar.dialect, self._counter)
        self._gave_up = False
        self._first = True
        self._buffer = b""
        self._waiting: list[bytes] = []
        self._waiting_size = 0
        self._next = self._limits.whole

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        self._waiting.append(data)
        self._waiting_size += len(data)
        if self._waiting_size < self._limits.feed:
            return b""
        joined = b"".join(self._waiting)
        whole = len(joined) // self._limits.feed * self._limits.feed
        self._waiting, self._waiting_size = [joined[whole:]], len(joined) - whole
        steps = range(0, whole, self._limits.feed)
        return b"".join([self._take(joined[at : at + self._limits.feed]) for at in steps])

    def finish(self) -> bytes:
        """See Reader."""
        rest = b"".join(self._waiting)
        if self._gave_up:
            return self._text.feed(rest) + self._text.finish()
        self._buffer += rest
        return self._stretch(len(self._buffer)) + self._text.finish()

    def _take(self, data: bytes) -> bytes:
        if self._gave_up:
            return self._text.feed(data)
        self._buffer += data
        if len(self._buffer) < self._next:
            return b""
        cut = self._grammar.cut(self._buffer)
        if cut:
            self._next = self._limits.whole
            return self._stretch(cut)
        # Each try costs a look at all of the buffer, so the next one waits until it is much longer.
        self._next = min(2 * len(self._buffer), self._limits.cap)
        return self._give_up() if len(self._buffer) >= self._limits.cap else b""

    def _stretch(self, end: int) -> bytes:
        """Write buffer[:end], which is whole statements unless it is the end of all."""
        stretch, rest = self._buffer[:end], self._buffer[end:]
        self._buffer = rest
        alone = self._first and not rest
        self._first = False
        concerned = self._outline.concerns(stretch)
        if alone and not concerned:
            return stretch
        try:
            done = self._grammar.follow(self._outline, stretch, 0)
            edits = self._outline.found()
        except Broken:
            done, edits = 0, []
        out = self._write(stretch, [edit for edit in edits if edit.end <= done], done)
        if done < len(stretch):
            self._buffer = stretch[done:] + rest
            return out + self._give_up()
        self._outline.renew()
        return out

    def _write(self, stretch: bytes, edits: list[Edit], done: int) -> bytes:
        count(self._report, stretch, edits, self._counter)
        out = apply(stretch, edits, 0, done)
        self._counter.at(stretch, done)
        self._counter.rebase(0)
        return out

    def _give_up(self) -> bytes:
        """From here on this is running text."""
        self._gave_up = True
        text, self._buffer = self._buffer, b""
        return self._text.feed(text)
