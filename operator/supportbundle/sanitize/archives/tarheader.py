"""One tar header: 512 bytes of fixed fields. What no field covers, or stands behind a field's end, does not survive.

Layout: POSIX.1-2017, `pax`, "ustar Interchange Format"; the GNU form as its manual, "Basic Tar Format", describes it.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.errors import Unsanitizable

from .kinds import BLOCK, checksum_holds

NAME: Final = slice(0, 100)
MODE, UID, GID = slice(100, 108), slice(108, 116), slice(116, 124)
SIZE, MTIME, CHECKSUM = slice(124, 136), slice(136, 148), slice(148, 156)
TYPE: Final = slice(156, 157)
LINK: Final = slice(157, 257)
MAGIC: Final = slice(257, 265)
UNAME, GNAME = slice(265, 297), slice(297, 329)
MAJOR, MINOR = slice(329, 337), slice(337, 345)
PREFIX: Final = slice(345, 500)
GNU_ATIME, GNU_CTIME = slice(345, 357), slice(357, 369)
_USTAR, _GNU, _OLD = b"ustar\x0000", b"ustar  \0", bytes(8)
_NUMBERS: Final = (MODE, UID, GID, SIZE, MTIME, MAJOR, MINOR)
_OCTAL: Final = re.compile(rb" *[0-7]*[ \0]*")
_POSITIVE, _NEGATIVE = 0x80, 0xFF
"""First bytes of numbers in binary."""
_LARGEST_OCTAL: Final = 8**11


class Header:
    """A header whose every byte is known: numbers that are numbers, texts up to their NUL, zeros elsewhere."""

    def __init__(self, block: bytes) -> None:
        """Read a block.

        Raises:
            Unsanitizable: if it is no header.
        """
        if not checksum_holds(block):
            raise Unsanitizable("a tar file that is damaged, or has something else between its members.")
        self.original = block
        self.gnu = block[MAGIC] == _GNU
        self._block = bytearray(BLOCK)
        ustar = block[MAGIC] == _USTAR
        if not (self.gnu or ustar or block[MAGIC][:5] != b"ustar"):
            raise Unsanitizable("a tar file of a form that is not known.")
        if self.gnu or ustar:
            self._block[MAGIC] = block[MAGIC]
        texts = [NAME, LINK, *([UNAME, GNAME] if self.gnu or ustar else []), *([PREFIX] if ustar else [])]
        numbers = [
            *_NUMBERS[:5],
            *(_NUMBERS[5:] if self.gnu or ustar else ()),
            *((GNU_ATIME, GNU_CTIME) if self.gnu else ()),
        ]
        for field in texts:
            self.put(field, block[field].split(b"\0", 1)[0])
        for field in numbers:
            number(block[field])
            self._block[field] = block[field]
        self._block[TYPE] = block[TYPE]
        self._prefixed = ustar

    def text(self, field: slice) -> bytes:
        """A text, without what fills the field."""
        return bytes(self._block[field]).rstrip(b"\0")

    def put(self, field: slice, text: bytes) -> None:
        """Set a text that fits."""
        self._block[field] = text.ljust(field.stop - field.start, b"\0")

    @property
    def kind(self) -> bytes:
        """The type's letter; a NUL and `7` are regular files too."""
        kind = bytes(self._block[TYPE])
        return b"0" if kind in {b"\0", b"7"} else kind

    @property
    def name(self) -> bytes:
        """Prefix and name."""
        prefix = self.text(PREFIX) if self._prefixed else b""
        return prefix + b"/" + self.text(NAME) if prefix else self.text(NAME)

    def rename(self, name: bytes) -> None:
        """Set a name of at most 100 bytes."""
        self.put(NAME, name)
        if self._prefixed:
            self.put(PREFIX, b"")

    @property
    def size(self) -> int:
        """Bytes of content that follow, as the header says."""
        return number(bytes(self._block[SIZE]))

    def resize(self, size: int) -> None:
        """Set the size; how it was written stays as it was if it is still true."""
        if number(bytes(self._block[SIZE])) != size:
            octal = size < _LARGEST_OCTAL
            self._block[SIZE] = b"%011o\0" % size if octal else b"\x80" + size.to_bytes(11, "big")

    def block(self) -> bytes:
        """The header to write; the original one if it is the same."""
        self._block[CHECKSUM] = self.original[CHECKSUM]
        if self._block != self.original:
            self._block[CHECKSUM] = b" " * 8
            self._block[CHECKSUM] = b"%06o\0 " % sum(self._block)
        return bytes(self._block)


def number(field: bytes) -> int:
    """A number in octal digits, or in binary if the first bit says so.

    Raises:
        Unsanitizable: if it is neither.
    """
    if field[0] == _POSITIVE:
        return int.from_bytes(field[1:], "big")
    if field[0] == _NEGATIVE:
        return int.from_bytes(field, "big", signed=True)
    if not _OCTAL.fullmatch(field):
        raise Unsanitizable("a tar file whose header holds no number where one must stand.")
    return int(field.strip(b" \0") or b"0", 8)
