"""What was taken out, by rule: counts and input line numbers, never values; the content of redactions.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

LINES_KEPT: Final = 100
"""Line numbers kept for each rule: enough to find the places, small for a log where every line holds a secret."""


PARTS_KEPT: Final = 20
"""Members of one archive that are named as left out; the rest are counted."""


class LeftOut(NamedTuple):
    """A member of an archive that could not be sanitized."""

    name: str
    why: str


class Report:
    """Counts of one stream; its writer is the stream's own thread.

    With `detailed` the members of an archive keep reports of their own besides.
    """

    def __init__(self, *, detailed: bool = False) -> None:
        self.detailed = detailed
        self.members: list[tuple[str, Report]] = []
        self._counts: dict[str, int] = {}
        self._lines: dict[str, list[int]] = {}
        self._parts: list[LeftOut] = []
        self.omitted = 0

    def add(self, rule: str, line: int) -> None:
        """Count one replacement by `rule` in input line `line` (from 1)."""
        if self.tally(rule):
            self.place(rule, line)

    def tally(self, rule: str) -> bool:
        """Count one replacement by `rule`; whether its line is still of interest."""
        self._counts[rule] = self._counts.get(rule, 0) + 1
        return len(self._lines.setdefault(rule, [])) < LINES_KEPT

    def place(self, rule: str, line: int) -> None:
        """Note the line (from 1) of the replacement just counted."""
        lines = self._lines[rule]
        if not lines or lines[-1] != line:
            lines.append(line)

    def left_out(self, name: str, why: str) -> None:
        """Note a part that is missing from the output: `name` is its clean name, `why` a sentence."""
        self.omitted += 1
        if len(self._parts) < PARTS_KEPT:
            self._parts.append(LeftOut(name, why))

    def inner(self) -> Report:
        """A report for a part, to be merged."""
        return Report(detailed=self.detailed)

    def merge(self, inner: Report, name: str) -> None:
        """Count what was done inside the part `name`; line numbers in there would say nothing out here."""
        for rule, number in inner.counts.items():
            self._counts[rule] = self._counts.get(rule, 0) + number
        self.omitted += inner.omitted
        if self.detailed and inner.members:
            self.members += [(f"{name}/{path}", report) for path, report in inner.members]
        elif self.detailed and inner.counts:
            self.members.append((name, inner))
        room = PARTS_KEPT - len(self._parts)
        self._parts += [LeftOut("/".join(filter(None, (name, each.name))), each.why) for each in inner.parts[:room]]

    @property
    def parts(self) -> Sequence[LeftOut]:
        """The first parts that were left out; `omitted` counts all."""
        return tuple(self._parts)

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
