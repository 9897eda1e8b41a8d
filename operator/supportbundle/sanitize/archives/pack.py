"""Compressed streams, made anew: equal content gives equal bytes, however it was cut on its way here."""

from __future__ import annotations

import bz2
import lzma
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final, Protocol

import zstandard
from isal import isal_zlib

from .kinds import Kind
from .unpack import Framing

LEVEL: Final = 2
"""Of isal: as small as zlib's level 4, several times as fast."""
_BLOCK: Final = 256 << 10
_XZ_PRESET: Final = 1
_ZSTD_LEVEL: Final = 1


class _Encoder(Protocol):
    """What all encoders share."""

    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self) -> bytes: ...


def pack(kind: Kind, framing: Framing, pieces: Iterable[bytes]) -> Iterator[bytes]:
    """One frame of format `kind` around the joined pieces."""
    if kind is Kind.GZIP:
        yield _gzip_header(framing)
        crc = size = 0
        encoder = deflater()
        for block in blocks(pieces):
            crc = isal_zlib.crc32(block, crc)
            size += len(block)
            yield encoder.compress(block)
        yield encoder.flush() + crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little")
        return
    encoder = _ENCODERS[kind]()
    for block in blocks(pieces):
        yield encoder.compress(block)
    yield encoder.flush()


def deflater() -> _Encoder:
    """An encoder of raw deflate."""
    encoder: _Encoder = isal_zlib.compressobj(LEVEL, isal_zlib.DEFLATED, -15)
    return encoder


def blocks(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes cut at fixed places: what an encoder makes may depend on the cuts."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size < _BLOCK:
            continue
        joined = b"".join(held)
        whole = size - size % _BLOCK
        for start in range(0, whole, _BLOCK):
            yield joined[start : start + _BLOCK]
        held, size = [joined[whole:]], size - whole
    if size:
        yield b"".join(held)


def _gzip_header(framing: Framing) -> bytes:
    """The fixed part (RFC 1952), the time as it was, no word on the system; then the name."""
    flags = 8 if framing.name else 0
    return b"\x1f\x8b\x08" + bytes([flags]) + framing.time + b"\x00\xff" + (framing.name + b"\0" if flags else b"")


_ENCODERS: Final[Mapping[Kind, Callable[[], _Encoder]]] = MappingProxyType({
    Kind.BZIP2: bz2.BZ2Compressor,
    Kind.XZ: lambda: lzma.LZMACompressor(lzma.FORMAT_XZ, check=lzma.CHECK_CRC64, preset=_XZ_PRESET),
    Kind.ZSTD: lambda: zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True).compressobj(),
})  # fmt: skip
