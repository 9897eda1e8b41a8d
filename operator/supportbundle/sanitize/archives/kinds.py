"""Which archive a content is, by its first bytes; a name is never asked, because tenants choose names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final


class Kind(Enum):
    """A format that is opened; the value is how messages call it."""

    ZIP = "zip"
    TAR = "tar"
    GZIP = "gzip"
    BZIP2 = "bzip2"
    XZ = "xz"
    ZSTD = "zstd"


_OPENED: Final[Mapping[Kind, re.Pattern[bytes]]] = {
    Kind.ZIP: re.compile(rb"PK(?:\x03\x04|\x05\x06|\x06\x06|\x07\x08)"),
    Kind.GZIP: re.compile(rb"\x1f\x8b"),
    Kind.BZIP2: re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    Kind.XZ: re.compile(rb"\xfd7zXZ\x00"),
    Kind.ZSTD: re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18", re.DOTALL),
}
_CLOSED: Final[Mapping[bytes, str]] = {
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x02\x21\x4c\x18": "lz4",
    b"Rar!\x1a\x07": "rar",
    b"LZIP": "lzip",
    b"\x89LZO\0": "lzop",
    b"\x1f\x9d": "compress",
    b"\x1f\xa0": "compress",
    b"\xff\x06\0\0sNaPpY": "snappy",
    b"MSCF\0\0\0\0": "cab",
    b"!<arch>\n": "ar",
    b"070701": "cpio",
    b"070702": "cpio",
    b"070707": "cpio",
    b"\xc7\x71": "cpio",
    b"\xed\xab\xee\xdb": "rpm",
    b"hsqs": "squashfs",
    b"xar!": "xar",
}
"""Formats that pack their content so that no rule could see it, and that are not opened."""
BLOCK: Final = 512
_MAGIC: Final = slice(257, 262)
_CHECKSUM: Final = slice(148, 156)


def kind(head: bytes) -> Kind | None:
    """The format of an archive that can be opened."""
    for found, magic in _OPENED.items():
        if magic.match(head):
            return found
    return Kind.TAR if _is_tar(head[:BLOCK]) else None


def closed(head: bytes) -> str:
    """The name of a format that is not opened, or nothing."""
    return next((name for magic, name in _CLOSED.items() if head.startswith(magic)), "")


def _is_tar(block: bytes) -> bool:
    """Whether a tar header begins; the oldest ones have no magic, only a checksum."""
    if len(block) < BLOCK or block[0] == 0:
        return False
    return block[_MAGIC] == b"ustar" or checksum_holds(block)


def checksum_holds(block: bytes) -> bool:
    """Whether the sum in a tar header is that of its bytes; some old programs added them up as signed."""
    digits = block[_CHECKSUM].split(b"\0")[0].strip()
    if not digits or digits.strip(b"01234567"):
        return False
    blank = block[: _CHECKSUM.start] + b" " * 8 + block[_CHECKSUM.stop :]
    stated, total = int(digits, 8), sum(blank)
    return stated == total or stated == total - 256 * sum(byte > 0x7F for byte in blank)  # noqa: PLR2004 - the sign bit
