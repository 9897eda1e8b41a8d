"""What was taken out, by rule: counts and input line numbers, never values; the content of redactions.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

LINES_KEPT: Final = 100
"""Line numbers kept for each rule: enough to find the places, small for a log where every line holds a secret."""


class Report:
    """Counts of one stream; its writer is the stream's own thread."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}

    def add(self, rule: str, line: int) -> None:
        """Count one replacement by `rule` in input line `line` (from 1)."""
        self._counts[rule] = self._counts.get(rule, 0) + 1
        lines = self._lines.setdefault(rule, [])
        if len(lines) < LINES_KEPT and (not lines or lines[-1] != line):
            lines.append(line)

    @property
    def counts(self) -> Mapping[str, int]:
        """Replacements by rule name."""
        return MappingProxyType(self._counts)

    @property
    def lines(self) -> Mapping[str, Sequence[int]]:
        """The first input line numbers by rule name."""
        return MappingProxyType(self._lines)

    @property
    def total(self) -> int:
        """Replacements of all rules."""
        return sum(self._counts.values())
