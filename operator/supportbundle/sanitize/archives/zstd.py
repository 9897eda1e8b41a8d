"""Zstandard frames, block by block (RFC 8878): so that no call unfolds more than one block of at most 128 KiB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import zstandard

from supportbundle.errors import Unsanitizable

from .source import CHUNK, Source, ends_early

_MAGIC: Final = b"\x28\xb5\x2f\xfd"
_SKIPPABLE: Final = b"\x2a\x4d\x18"
MAX_WINDOW: Final = 64 << 20
"""What must be held to unfold a frame; `zstd --ultra --long` can ask for 2 GiB."""
_WHAT: Final = "a zstd file"
_LAST, _RLE = 1, 1
_SINGLE, _CHECKSUM = 0x20, 0x04
_CONTENT: Final = (0, 2, 4, 8)


def unzstd(source: Source) -> Iterator[bytes | None]:
    """The content of one frame; None for a skippable one, whose content is dropped.

    Raises:
        Unsanitizable: if it is damaged, ends too early, or needs a dictionary or too large a window.
    """
    magic = _exactly(source, 4)
    if magic[1:] == _SKIPPABLE and magic[0] & 0xF0 == 0x50:  # noqa: PLR2004 - sixteen magic numbers
        size = int.from_bytes(_exactly(source, 4), "little")
        for _ in source.part(size, _WHAT):
            pass
        yield None
        return
    if magic != _MAGIC:
        raise Unsanitizable("a zstd file with something else after its end.")
    header, checked = _header(source)
    decoder = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()
    try:
        decoder.decompress(magic + header)
        last = False
        while not last:
            block, last = _block(source)
            if piece := decoder.decompress(block):
                yield piece
        if checked and (piece := decoder.decompress(_exactly(source, 4))):
            yield piece
    except zstandard.ZstdError as error:
        raise Unsanitizable(f"{_WHAT} that is damaged.") from error
    if not decoder.eof:
        raise Unsanitizable(f"{_WHAT} that is damaged.")


def _header(source: Source) -> tuple[bytes, bool]:
    """The frame's header after the magic number, and whether a checksum ends the frame."""
    descriptor = _exactly(source, 1)
    flags = descriptor[0]
    single = bool(flags & _SINGLE)
    if flags & 3:
        raise Unsanitizable("a zstd file that needs a dictionary.")
    window = b"" if single else _exactly(source, 1)
    content = _exactly(source, _CONTENT[flags >> 6] or int(single))
    if single:
        size = int.from_bytes(content, "little") + (256 if len(content) == 2 else 0)  # noqa: PLR2004 - two bytes count from 256
    else:
        base = 1 << (10 + (window[0] >> 3))
        size = base + base // 8 * (window[0] & 7)
    if size > MAX_WINDOW:
        raise Unsanitizable(f"a zstd file whose window is larger than {MAX_WINDOW >> 20} MiB.")
    return descriptor + window + content, bool(flags & _CHECKSUM)


def _block(source: Source) -> tuple[bytes, bool]:
    """One block with its header, and whether it is the last."""
    header = _exactly(source, 3)
    value = int.from_bytes(header, "little")
    size = 1 if value >> 1 & 3 == _RLE else value >> 3
    if size > CHUNK:
        raise Unsanitizable(f"{_WHAT} that is damaged.")
    return header + _exactly(source, size), bool(value & _LAST)


def _exactly(source: Source, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise ends_early(_WHAT)
    return data
