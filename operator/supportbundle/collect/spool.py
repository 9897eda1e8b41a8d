"""Room on the collector pod's disk for what must be held as a whole before it can be read."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from supportbundle.errors import TooLarge, full_volume_is

ROOM = 256 << 20
"""Bytes that all open files have together, where nobody says otherwise."""


class Spool:
    """Temporary files that share a number of bytes; for one event loop. Without a directory the system's place."""

    def __init__(self, directory: Path | None = None, room: int = ROOM) -> None:
        self._directory = directory
        self._room = self._left = room

    @contextmanager
    def file(self) -> Iterator[SpoolFile]:
        """One file, gone at the end; unlinked from the start, so that nothing stays when the pod dies."""
        with tempfile.TemporaryFile(dir=self._directory) as handle:
            file = SpoolFile(handle, self)
            try:
                yield file
            finally:
                self._left += file.size

    def take(self, size: int) -> None:
        """Reserve bytes.

        Raises:
            TooLarge: there are not so many left.
        """
        if size > self._left:
            raise TooLarge(
                f"It does not fit into the {self._room >> 20} MiB that all zips together may take while they are read.",
                "Lower maxBytes, or collect from fewer pods in one bundle.",
            )
        self._left -= size


@dataclass(slots=True)
class SpoolFile:
    """One open file; `size` in bytes."""

    handle: IO[bytes]
    spool: Spool
    size: int = 0

    def write(self, data: bytes) -> None:
        """Append.

        Raises:
            TooLarge: there is no room, or the volume is full.
        """
        self.spool.take(len(data))
        self.size += len(data)
        with full_volume_is("The collector's scratch volume is full.", "Raise the volume's size limit."):
            self.handle.write(data)
