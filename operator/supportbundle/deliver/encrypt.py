"""The staged zip for its recipients: encrypted once, stored beside it, and only then delivered.

Each encryption has other bytes. Stored once, every try of the delivery sends the same ones, their number is known
before the first is sent, and a try that breaks off can be gone on with. Memory holds one part, whatever the zip's size.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, Final, Protocol

from supportbundle.errors import Corrupt, SupportBundleError
from supportbundle.storage.base import Package

BLOCK: Final = 4 << 20
"""Bytes read from the store in one request."""


class Sink(Protocol):
    """Takes the encrypted bytes in order."""

    def write(self, data: bytes, /) -> int:
        """Take some."""
        ...


def encrypt(package: Package, recipients: Sequence[Any], sink: Sink) -> None:
    """Write the package, encrypted, into `sink`.

    Raises:
        SupportBundleError: reading or writing failed.
    """
    import pyrage  # noqa: PLC0415 - as above

    reader, writer = _Reader(package), _Writer(sink)
    try:
        pyrage.encrypt_io(reader, writer, list(recipients))
    except pyrage.EncryptError:
        # The library tells only the text of what went wrong in our own reader or writer.
        failure = reader.failure or writer.failure
        raise failure or Corrupt("The zip could not be encrypted.") from None


class _Reader(io.RawIOBase):
    def __init__(self, package: Package) -> None:
        super().__init__()
        self.failure: SupportBundleError | None = None
        self._package = package
        self._next = 0
        self._block = memoryview(b"")

    def read(self, size: int = -1, /) -> bytes:
        if not self._block and self._next < self._package.size:
            end = min(self._next + BLOCK, self._package.size)
            try:
                self._block = memoryview(self._package.read(self._next, end))
            except SupportBundleError as error:
                self.failure = error
                raise
            self._next = end
        taken = self._block if size < 0 else self._block[:size]
        self._block = self._block[len(taken) :]
        return bytes(taken)


class _Writer(io.RawIOBase):
    def __init__(self, sink: Sink) -> None:
        super().__init__()
        self.failure: SupportBundleError | None = None
        self._sink = sink

    def write(self, data: Any, /) -> int:  # noqa: ANN401 - as io says
        try:
            return self._sink.write(data)
        except SupportBundleError as error:
            self.failure = error
            raise
