"""The hits of a document beside its scalars, both in order: which of them touch a scalar, in one pass over each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.rules.records import RegexRule

_OF_THEMSELVES: Final = frozenset({Kind.PATTERN, Kind.BLOCK, Kind.KNOWN, Kind.REGEX})
"""What no key explains."""


class Touch(NamedTuple):
    """A hit, in the positions of the document; `regex` is the rule whose match it is, if it is one."""

    start: int
    end: int
    of_itself: bool
    regex: str

    @classmethod
    def of(cls, hit: Hit) -> Touch:
        """In the positions of the hit."""
        regex = hit.rule.name if isinstance(hit.rule, RegexRule) else ""
        return cls(hit.start, hit.end, hit.kind in _OF_THEMSELVES, regex)


class Cursor:
    """Follows the scalars of a document; each call names one that does not begin before the last."""

    def __init__(self, touches: Sequence[Touch]) -> None:
        self._touches = touches
        self._next = 0
        self._reach = -1
        """The end of what began before the scalar and reaches farthest."""
        self._regex: Touch | None = None
        """The same for matches of regular expressions."""

    def enter(self, start: int) -> None:
        """A scalar begins."""
        while self._next < len(self._touches) and self._touches[self._next].start < start:
            touch = self._touches[self._next]
            self._reach = max(self._reach, touch.end)
            if touch.regex and (self._regex is None or touch.end > self._regex.end):
                self._regex = touch
            self._next += 1

    def touched(self, start: int, end: int) -> bool:
        """Whether any hit lies in it, or reaches into it."""
        return self._reach > start or any(True for _ in self._within(end))

    def holds(self, end: int) -> bool:
        """Whether something that no key explains lies in it as a whole."""
        return any(touch.of_itself and touch.end <= end for touch in self._within(end))

    def matches(self, start: int, end: int) -> Iterator[tuple[str, int, int]]:
        """Matches of regular expressions that touch it: the rule, and the part in it."""
        if self._regex is not None and self._regex.end > start:
            yield self._regex.regex, start, min(end, self._regex.end)
        for touch in self._within(end):
            if touch.regex:
                yield touch.regex, touch.start, min(end, touch.end)

    def _within(self, end: int) -> Iterator[Touch]:
        index = self._next
        while index < len(self._touches) and self._touches[index].start < end:
            yield self._touches[index]
            index += 1
