"""Replacements in one buffer: collected in any order, applied once, the widest winning where they overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from .report import Report


class Edit(NamedTuple):
    """Replace buffer[start:end] by `text`; `rules` are the rules that did it, once for each secret inside."""

    start: int
    end: int
    text: bytes
    rules: tuple[str, ...]


def resolve(edits: Iterable[Edit]) -> list[Edit]:
    """The edits in order without overlaps: of two at one place the longer, of two equal ones the first.

    Where two cross, what the second has beyond the first is dropped without a marker of its own.
    """
    edits = list(edits)
    if all(before.end <= after.start for before, after in pairwise(edits)):
        return edits
    chosen: list[Edit] = []
    for edit in sorted(edits, key=lambda each: (each.start, -each.end)):
        done = chosen[-1].end if chosen else 0
        if edit.start >= done:
            chosen.append(edit)
        elif edit.end > done:
            # A line break that the second gives back still ends the line.
            chosen.append(Edit(done, edit.end, b"\n" if edit.text.endswith(b"\n") else b"", ()))
    return chosen


def covers(edits: Sequence[Edit], spans: Iterable[tuple[int, int]]) -> bool:
    """Whether each span lies in one of the resolved `edits`; spans in order."""
    index = 0
    for start, end in spans:
        while index < len(edits) and edits[index].end < end:
            index += 1
        if index == len(edits) or edits[index].start > start:
            return False
    return True


def apply(buffer: bytes, edits: Iterable[Edit], start: int, end: int) -> bytes:
    """buffer[start:end] with resolved `edits` made."""
    parts: list[bytes] = []
    for edit in edits:
        parts += (buffer[start : edit.start], edit.text)
        start = edit.end
    parts.append(buffer[start:end])
    return b"".join(parts)


class LineCounter:
    """Input line numbers (from 1) of growing positions in a buffer, each byte looked at once."""

    def __init__(self, line: int = 1) -> None:
        self.line = line
        self._position = 0

    def at(self, buffer: bytes, position: int) -> int:
        """The line of `position`."""
        if position > self._position:
            self.line += buffer.count(b"\n", self._position, position)
            self._position = position
        return self.line

    def rebase(self, position: int) -> None:
        """The buffer lost its first bytes; the counted part now ends at `position`."""
        self._position = position


def count(report: Report, buffer: bytes, edits: Iterable[Edit], lines: LineCounter) -> None:
    """Book resolved `edits` in the report."""
    for edit in edits:
        for rule in edit.rules:
            if report.tally(rule):
                report.place(rule, lines.at(buffer, edit.start))
