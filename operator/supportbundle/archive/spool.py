"""One open member: content goes in as it is collected, and waits compressed until its sizes are known.

Several members of a shard are open at once while a fragment takes one record after the other; hence the spool. Small
members never touch the disk. CRC, digest and deflate release the GIL, so members in worker threads run in parallel.
"""

from __future__ import annotations

import hashlib
import io
import tempfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Final, Self

from isal import isal_zlib

from supportbundle.archive.paths import path_problem
from supportbundle.archive.records import Record
from supportbundle.errors import Invalid, full_volume_is

MEMORY_LIMIT: Final = 1 << 20
FASTEST: Final = 1


def disk() -> AbstractContextManager[None]:
    """A full volume is a limit that the bundle reached, not a defect."""
    return full_volume_is(
        "The collector's scratch volume is full.",
        "Lower the byte limits, or raise the volume's size limit.",
    )


@dataclass(frozen=True, slots=True)
class ClosedMember(Record):
    """A finished member: the record's facts, the SHA-256 (hex) of its content, and its deflated bytes from 0 on."""

    sha256: str
    data: IO[bytes]

    def discard(self) -> None:
        """Free memory and disk. Idempotent."""
        self.data.close()


class MemberSpool:
    """Takes a member's content in blocks of any size. Not for two threads at once.

    As a context manager it discards what was not finished.

    Raises:
        Invalid: the path may not stand in a bundle.
        TooLarge: from `write` and `finish`, when the volume of `spool_dir` is full.
    """

    def __init__(self, path: str, *, spool_dir: Path, memory_limit: int = MEMORY_LIMIT, level: int = FASTEST) -> None:
        if problem := path_problem(path):
            raise Invalid(f"The archive path {path!r} {problem}.", "Give the collector's output another name.")
        if not 1 <= level <= isal_zlib.ISAL_BEST_COMPRESSION:
            # Level 0 writes Huffman codes without matches: 23 % larger on random bytes, beyond what readers accept.
            raise ValueError(f"deflate level {level} is not one of 1 to {isal_zlib.ISAL_BEST_COMPRESSION}")
        self._path = path
        self._spool_dir = spool_dir
        self._memory_limit = memory_limit
        self._deflate = isal_zlib.compressobj(level, isal_zlib.DEFLATED, -15)
        self._sha256 = hashlib.sha256()
        self._crc32 = 0
        self._size = 0
        self._compressed = 0
        self._data: IO[bytes] = io.BytesIO()
        self._finished = False

    @property
    def size(self) -> int:
        """Bytes of content so far."""
        return self._size

    def write(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the content."""
        self._crc32 = isal_zlib.crc32(data, self._crc32)
        self._sha256.update(data)
        self._size += len(data)
        self._keep(self._deflate.compress(data))

    def finish(self) -> ClosedMember:
        """End the content. The member owns the spooled bytes from now on."""
        self._keep(self._deflate.flush())
        with disk():
            self._data.seek(0)  # also writes out what a file object still buffers
        self._finished = True
        return ClosedMember(
            path=self._path,
            crc32=self._crc32,
            size=self._size,
            compressed_size=self._compressed,
            sha256=self._sha256.hexdigest(),
            data=self._data,
        )

    def discard(self) -> None:
        """Drop what was spooled. Idempotent; nothing to do after `finish`."""
        if not self._finished:
            self._data.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.discard()

    def _keep(self, deflated: bytes) -> None:
        with disk():
            if isinstance(self._data, io.BytesIO) and self._compressed + len(deflated) > self._memory_limit:
                self._move_to_disk(self._data)
            self._data.write(deflated)
        self._compressed += len(deflated)

    def _move_to_disk(self, memory: io.BytesIO) -> None:
        # An unlinked file: nothing to clean up when the pod dies.
        file = tempfile.TemporaryFile(dir=self._spool_dir)  # noqa: SIM115 - lives as long as the member
        try:
            file.write(memory.getbuffer())
        except OSError:
            file.close()
            raise
        self._data = file
