"""The vocabulary between the archive's layout and object storage: which bytes come from where.

Both sides need these words and neither may import the other, so they live here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIN_PART: Final = 5 << 20
"""Bytes; S3 refuses at Complete any smaller part but the last (EntityTooSmall)."""

MAX_PART: Final = 5 << 30
"""Bytes; the largest part of a multipart upload."""

MAX_PARTS: Final = 10_000
"""Parts of one multipart upload."""


@dataclass(frozen=True, slots=True)
class CopyRange:
    """Bytes `[start, end)` of the object `key`, as it was when its ETag was `etag`."""

    key: str
    etag: str
    start: int
    end: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.end - self.start


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes that the operator made itself."""

    data: bytes

    @property
    def size(self) -> int:
        """Bytes."""
        return len(self.data)


Piece = CopyRange | Inline


@dataclass(frozen=True, slots=True)
class Part:
    """One part of an object: its pieces, in order."""

    pieces: tuple[Piece, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(piece.size for piece in self.pieces)

    @property
    def copied(self) -> CopyRange | None:
        """The range that makes up the whole part, so that a server can copy it without us seeing a byte."""
        match self.pieces:
            case (CopyRange() as only,):
                return only
            case _:
                return None
