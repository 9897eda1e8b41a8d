"""Bytes that are pulled: what an archive's reader reads from, whether they lie in a file or come out of a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import IO, Final

from supportbundle.errors import Unsanitizable

CHUNK: Final = 128 << 10


class Source:
    """A run of bytes, read once from front to back; one thread at a time."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._buffer = b""
        self._at = 0

    def peek(self, size: int) -> bytes:
        """The next `size` bytes without taking them; fewer only at the end."""
        if len(self._buffer) - self._at < size:
            parts = [self._buffer[self._at :]]
            have = len(parts[0])
            while have < size and (piece := next(self._pieces, None)) is not None:
                parts.append(piece)
                have += len(piece)
            self._buffer, self._at = b"".join(parts), 0
        return self._buffer[self._at : self._at + size]

    def read(self, size: int) -> bytes:
        """The next `size` bytes, held in memory; fewer only at the end."""
        data = self.peek(size)
        self._at += len(data)
        return data

    def some(self, limit: int = CHUNK) -> bytes:
        """Between 1 and `limit` bytes, whatever is at hand; none at the end."""
        while self._at >= len(self._buffer):
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._buffer, self._at = piece, 0
        data = self._buffer[self._at : self._at + limit]
        self._at += len(data)
        return data

    def give_back(self, data: bytes) -> None:
        """Put what was read too far before what comes."""
        if data:
            self._buffer, self._at = data + self._buffer[self._at :], 0

    def rest(self) -> Iterator[bytes]:
        """All that is left, in pieces."""
        while data := self.some():
            yield data

    def part(self, size: int, what: str) -> Iterator[bytes]:
        """Exactly the next `size` bytes, in pieces.

        Raises:
            Unsanitizable: if there are fewer; `what` names the thing that then ends too early.
        """
        while size:
            data = self.some(min(size, CHUNK))
            if not data:
                raise ends_early(what)
            size -= len(data)
            yield data

    def tapped(self, tap: Callable[[bytes], object]) -> Source:
        """The same bytes, each piece shown to `tap` when it is read."""
        return Source(_tapped(self.rest(), tap))


class FileSource(Source):
    """A whole file, which may also be read anywhere or once more."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        super().__init__(of_file(file, 0, size))
        self.file = file
        self.size = size

    def again(self) -> Iterator[bytes]:
        """All of it from the start."""
        return of_file(self.file, 0, self.size)


def _tapped(pieces: Iterator[bytes], tap: Callable[[bytes], object]) -> Iterator[bytes]:
    for piece in pieces:
        tap(piece)
        yield piece


def of_file(file: IO[bytes], start: int, size: int) -> Iterator[bytes]:
    """The bytes of a file from `start`; another reader may move its position in between."""
    end = start + size
    while start < end:
        file.seek(start)
        data = file.read(min(CHUNK, end - start))
        if not data:
            return
        start += len(data)
        yield data


def ends_early(what: str) -> Unsanitizable:
    """The failure of content that stops in the middle."""
    return Unsanitizable(f"{what} that ends too early.", "A size limit may have cut it; raise the limit.")
