"""What must be held until its size or its fate is known: in memory while it is small, then in a file without a name."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import IO, Self

from supportbundle.errors import full_volume_is

from .limits import Archives
from .source import of_file


def disk() -> AbstractContextManager[None]:
    """A full volume is a limit, not a defect."""
    return full_volume_is(
        "The volume for temporary files is full: an archive is held there while it is sanitized.",
        "Collect smaller archives, or raise the volume's size.",
    )


class Spool:
    """Bytes written once and then read any number of times; nobody but this process can open them."""

    def __init__(self, archives: Archives) -> None:
        self._archives = archives
        self.file: IO[bytes] = io.BytesIO()
        self.size = 0
        self._taken = 0

    def write(self, data: bytes) -> None:
        """Add to the end.

        Raises:
            TooLarge: if the volume is full.
            Bomb: if the room that all archives share is.
        """
        with disk():
            if isinstance(self.file, io.BytesIO) and self.size + len(data) > self._archives.limits.memory:
                self._take(self.size)
                self._move(self.file)
            if not isinstance(self.file, io.BytesIO):
                self._take(len(data))
            self.file.seek(self.size)
            self.file.write(data)
        self.size += len(data)

    def chunks(self) -> Iterator[bytes]:
        """Everything, in pieces.

        Raises:
            TooLarge: if what was still buffered fills the volume.
        """
        with disk():
            self.file.flush()
        return of_file(self.file, 0, self.size)

    def _move(self, memory: io.BytesIO) -> None:
        file = tempfile.TemporaryFile(dir=self._archives.scratch)  # noqa: SIM115 - lives as long as the spool
        try:
            file.write(memory.getbuffer())
        except OSError:
            file.close()
            raise
        self.file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free memory and disk. Idempotent."""
        self.file.close()
        taken, self._taken = self._taken, 0
        self._archives.room.give_back(taken)

    def _take(self, size: int) -> None:
        self._archives.room.take(size)
        self._taken += size

    def __del__(self) -> None:
        # A stream that is given up is only forgotten: its file goes, so its share of the room must go too.
        self.close()
