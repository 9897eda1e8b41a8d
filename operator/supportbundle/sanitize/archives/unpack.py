"""Compressed streams, unfolded in pieces of bounded size, each byte of their framing accounted for.

`Framing.plain` stays true while the framing can hold no text: then a stream whose content did not change may leave as
it came.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from isal import isal_zlib

from supportbundle.errors import Unsanitizable

from .kinds import Kind
from .limits import Account
from .source import CHUNK, Source, ends_early
from .zstd import unzstd

XZ_MEMORY: Final = 96 << 20
"""What the best preset of xz needs."""
_HEADER_CRC, _EXTRA, _NAME, _COMMENT, _RESERVED = 2, 4, 8, 16, 0xE0
_FIXED: Final = 10
_DAMAGED: Final[Any] = (isal_zlib.error, zlib.error)
_MAX_TEXT: Final = 64 << 10


@dataclass(slots=True)
class Framing:
    """What a stream says besides its content: the first gzip header's time and name."""

    plain: bool = True
    time: bytes = bytes(4)
    name: bytes = b""


def unpack(kind: Kind, source: Source, framing: Framing, account: Account) -> Iterator[bytes]:
    """The content of all frames of `source`, joined.

    Raises:
        Unsanitizable: if a frame is damaged or ends too early, or something else follows the last one.
        Bomb: from `account`.
    """
    first = True
    while first or not _at_end(source, framing):
        account.member()
        for piece in _FRAMES[kind](source, framing, first):
            account.inflate(len(piece))
            yield piece
        first = False


def inflated(source: Source, what: str) -> Iterator[bytes]:
    """A raw deflate stream; what follows it stays in `source`.

    Raises:
        Unsanitizable: if it is damaged or ends too early.
    """
    decoder = isal_zlib.decompressobj(-15)
    while not decoder.eof:
        data = decoder.unconsumed_tail or source.some(CHUNK)
        try:
            piece = decoder.decompress(data, CHUNK)
        except _DAMAGED as error:
            raise Unsanitizable(f"{what} that is damaged.") from error
        if not data and not piece and not decoder.eof:
            raise ends_early(what)
        if piece:
            yield piece
    source.give_back(decoder.unused_data)


def decoded(make: Callable[[], Any], source: Source, what: str) -> Iterator[bytes]:
    """One stream of a decoder of the standard library; what follows it stays in `source`.

    Raises:
        Unsanitizable: as `inflated`.
    """
    try:
        decoder = make()
        while not decoder.eof:
            data = source.some(CHUNK) if decoder.needs_input else b""
            if decoder.needs_input and not data:
                raise ends_early(what)
            piece = decoder.decompress(data, CHUNK)
            if piece:
                yield piece
    except (OSError, EOFError, ValueError, lzma.LZMAError) as error:
        raise Unsanitizable(f"{what} that is damaged.") from error
    source.give_back(decoder.unused_data)


def _at_end(source: Source, framing: Framing) -> bool:
    """Whether nothing but padding is left.

    Zeros pad the last block of a tape; any other byte begins a frame, or is refused by whoever reads that.
    """
    head = source.peek(1)
    if head == b"\0":
        framing.plain = False
        for piece in source.rest():
            if piece.strip(b"\0"):
                raise Unsanitizable("a compressed file with something else after its end.")
        return True
    return not head


def _gzip(source: Source, framing: Framing, first: bool) -> Iterator[bytes]:  # noqa: FBT001 - as the others
    _gzip_header(source, framing, first=first)
    crc = size = 0
    for piece in inflated(source, "a gzip file"):
        crc = isal_zlib.crc32(piece, crc)
        size += len(piece)
        yield piece
    trailer = source.read(8)
    if len(trailer) < 8:  # noqa: PLR2004 - a checksum and a length of four bytes each
        raise ends_early("a gzip file")
    if trailer != crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"):
        raise Unsanitizable("a gzip file that is damaged.")


def _gzip_header(source: Source, framing: Framing, *, first: bool) -> None:
    fixed = source.read(_FIXED)
    if len(fixed) < _FIXED or fixed[:3] != b"\x1f\x8b\x08" or fixed[3] & _RESERVED:
        raise Unsanitizable("a gzip file that is damaged, or has something else after its end.")
    flags = fixed[3]
    if flags & _EXTRA:
        length = int.from_bytes(source.read(2), "little")
        source.read(length)
    name = _text(source) if flags & _NAME else b""
    if flags & _COMMENT:
        _text(source)
    if flags & _HEADER_CRC:
        source.read(2)
    framing.plain = framing.plain and not flags & (_EXTRA | _COMMENT) and (first or not name)
    if first:
        framing.time, framing.name = fixed[4:8], name


def _text(source: Source) -> bytes:
    """A text that ends with a NUL."""
    head = source.peek(_MAX_TEXT)
    end = head.find(b"\0")
    if end < 0:
        raise Unsanitizable("a gzip file whose header has no end.")
    source.read(end + 1)
    return head[:end]


def _bzip2(source: Source, _framing: Framing, _first: bool) -> Iterator[bytes]:  # noqa: FBT001 - as the others
    return decoded(bz2.BZ2Decompressor, source, "a bzip2 file")


def _xz(source: Source, _framing: Framing, _first: bool) -> Iterator[bytes]:  # noqa: FBT001 - as the others
    return decoded(lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=XZ_MEMORY), source, "an xz file")


def _zstd(source: Source, framing: Framing, _first: bool) -> Iterator[bytes]:  # noqa: FBT001 - as the others
    for piece in unzstd(source):
        if piece is None:
            framing.plain = False
        else:
            yield piece


_FRAMES: Final[Mapping[Kind, Callable[[Source, Framing, bool], Iterator[bytes]]]] = MappingProxyType(
    {Kind.GZIP: _gzip, Kind.BZIP2: _bzip2, Kind.XZ: _xz, Kind.ZSTD: _zstd}
)
