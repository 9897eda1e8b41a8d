"""What a finder of one kind of value is to the stream that asks it."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import hyperscan

CASELESS = hyperscan.HS_FLAG_CASELESS
MARKER_TAIL = 64
"""Bytes before a place in which the beginning of a marker is looked for."""


class Trigger(NamedTuple):
    """An expression (for Hyperscan) that says where a closer look is needed; its end is all that is known of a hit."""

    expression: bytes
    flags: int = 0


class Swap(NamedTuple):
    """Put `text` in the place of buffer[start:end]."""

    start: int
    end: int
    text: bytes
    rule: str


class Finder(Protocol):
    """Finds the values of one kind around the hits of its triggers."""

    @property
    def triggers(self) -> tuple[Trigger, ...]:
        """Fixed for the finder's life."""
        ...

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """The value at the hit of trigger `number` that ends at `at`; None if there is none or it stays as it is."""
        ...
