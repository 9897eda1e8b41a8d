"""Archives made for tests, from trees of names and contents."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Mapping
from typing import Final

import zstandard
from isal import isal_zlib

SQUEEZE: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gz": lambda data: gzip.compress(data, mtime=1234567),
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor(level=1).compress,
}
EXPAND: Final[Mapping[str, Callable[[bytes], bytes]]] = {
    "gz": gzip.decompress,
    "bz2": bz2.decompress,
    "xz": lzma.decompress,
    "zst": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
}


def gzip_of_copies(block: bytes, copies: int) -> bytes:
    """A gzip of `block` again and again, which is compressed only once: each copy starts afresh."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    one = pack.compress(block) + pack.flush(zlib.Z_FULL_FLUSH)
    check = 0
    for _ in range(copies):
        check = isal_zlib.crc32(block, check)
    header = gzip.compress(b"", mtime=0)[:10]
    return header + one * copies + pack.flush() + struct.pack("<II", check, len(block) * copies & 0xFFFFFFFF)


def tar(files: Mapping[str, bytes], style: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar file of regular files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=style) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.mode, info.uname = len(content), 1_234_567_890, 0o640, "bob"
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def untar(data: bytes) -> dict[str, bytes]:
    """The regular files of a tar file."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        return {info.name: archive.extractfile(info).read() for info in archive if info.isreg()}  # type: ignore[union-attr]


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    """A zip file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.comment = comment
        for name, content in files.items():
            info = zipfile.ZipInfo(name, (2026, 11, 21, 10, 0, 2))
            info.compress_type, info.external_attr = method, 0o100640 << 16
            archive.writestr(info, content)
    return out.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """All members of a zip file, whose checksums must hold."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {info.filename: archive.read(info) for info in archive.infolist()}
