"""How long a stream is, and how many of its newest lines fit into so many bytes: counted in passing."""

from __future__ import annotations

from supportbundle.model.base import Value

MARKS = 64
"""Positions kept at most; they lie a thirty-second of the stream apart, or closer."""

FIRST_STRIDE = 16 << 10


class Measured(Value):
    """What was counted. `marks` are (bytes, lines) from the start, ascending; `whole` says that the end was seen."""

    size: int
    lines: int
    marks: tuple[tuple[int, int], ...]
    whole: bool

    def newest_lines(self, room: int) -> int:
        """About how many lines from the end take `room` bytes, as if lines between two marks were equal; at least 1."""
        if self.size <= room:
            return max(1, self.lines)
        start = self.size - room
        known = ((0, 0), *self.marks, (self.size, self.lines))
        after = next(i for i, (size, _) in enumerate(known) if size >= start)
        (size, lines), (next_size, next_lines) = known[after - 1], known[after]
        before = lines + (next_lines - lines) * (start - size) // max(1, next_size - size)
        return max(1, self.lines - before)


class Yardstick:
    """Counts bytes and lines of chunks."""

    def __init__(self) -> None:
        self.size = 0
        self.lines = 0
        self._stride = FIRST_STRIDE
        self._marks: list[tuple[int, int]] = []

    def add(self, chunk: bytes) -> None:
        """Count one more chunk."""
        self.size += len(chunk)
        self.lines += chunk.count(b"\n")
        if self.size < (self._marks[-1][0] if self._marks else 0) + self._stride:
            return
        self._marks.append((self.size, self.lines))
        if len(self._marks) > MARKS:
            self._marks = self._marks[1::2]
            self._stride *= 2

    def measured(self, *, whole: bool) -> Measured:
        """The counts so far."""
        return Measured(size=self.size, lines=self.lines, marks=tuple(self._marks), whole=whole)
