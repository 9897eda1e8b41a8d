"""Extended headers of tar: records `LENGTH KEY=VALUE`, of which only those stay whose meaning is known."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from supportbundle.errors import Unsanitizable

_LENGTH: Final = re.compile(rb"[1-9][0-9]{0,7}(?= )")
_NUMERIC: Final = frozenset(
    b"size mtime atime ctime uid gid LIBARCHIVE.creationtime SCHILY.dev SCHILY.ino SCHILY.nlink".split()
)
_NUMBER: Final = re.compile(rb"-?[0-9]{1,20}(?:\.[0-9]{1,12})?")
_CODED: Final = frozenset(b"hdrcharset charset".split())
_CODE: Final = re.compile(rb"BINARY|ISO-IR 10646 2000 UTF-8|ISO-IR 8859-1 1998")
TEXTS: Final = (b"path", b"linkpath", b"uname", b"gname", b"comment")
SPARSE: Final = b"GNU.sparse."
_DAMAGED: Final = "a tar file whose extended header is damaged."


def parse(data: bytes) -> dict[bytes, bytes]:
    """The records; the last of a key counts.

    Raises:
        Unsanitizable: if the data is anything else.
    """
    return dict(_records(data))


def known(records: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """The records that may stay, texts still to be cleaned: others (attributes, makers' own) may hold anything."""
    return {
        key: value
        for key, value in records.items()
        if key in TEXTS or (key in _NUMERIC and _NUMBER.fullmatch(value)) or (key in _CODED and _CODE.fullmatch(value))
    }


def encode(records: Mapping[bytes, bytes]) -> bytes:
    """The records as data, in their order."""
    return b"".join(_record(key, value) for key, value in records.items())


def _record(key: bytes, value: bytes) -> bytes:
    body = b" " + key + b"=" + value + b"\n"
    length = len(body)
    while length != len(body) + len(str(length)):
        length = len(body) + len(str(length))
    return str(length).encode() + body


def _records(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    position = 0
    while position < len(data):
        found = _LENGTH.match(data, position)
        if found is None:
            raise Unsanitizable(_DAMAGED)
        end = position + int(found.group())
        key, equals, value = data[found.end() + 1 : end - 1].partition(b"=")
        if end > len(data) or data[end - 1 : end] != b"\n" or not key or not equals or b"\0" in key:
            raise Unsanitizable(_DAMAGED)
        yield key, value
        position = end
