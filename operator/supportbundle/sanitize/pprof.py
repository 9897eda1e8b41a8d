"""Profiles (gzip'd protobuf): only the string table is sanitized, all other bytes stay.

The layout is that of pprof's published profile.proto: message Profile, whose field 6 is the repeated string_table;
labels, comments and names are indices into it. The profile is walked twice as a stream, so that memory holds the
compressed input and the strings, never the whole message.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator
from typing import Final

from supportbundle.errors import Unsanitizable
from supportbundle.model.collectors import MAX_PROFILE

from .context import Context
from .leaks.leak import LeakCheck
from .pseudonyms import Pseudonymizer
from .report import Report

MAX_INPUT: Final = MAX_PROFILE
MAX_MESSAGE: Final = 256 << 20
MAX_STRINGS: Final = 8 << 20
_MAX_FIELD: Final = 4 << 20
_CHUNK: Final = 64 << 10
_STRING_TABLE: Final = 6
_WIRE_TYPES: Final = {1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 2, 7: 0, 8: 0, 9: 0, 10: 0, 11: 2, 12: 0, 13: 2, 14: 0, 15: 0}
"""Wire type by field number of message Profile; 13 (comment) may also come unpacked."""
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0e-\x1a]")
_NO_PROFILE: Final = "a file that begins like a profile and is none."


def is_profile(head: bytes, *, whole: bool) -> bool:
    """Whether inflated content that begins with `head` is a profile: fields of its numbers and types, and no text."""
    position = 0
    try:
        while (field := _field(head, position)) is not None:
            position = field[1]
    except Unsanitizable:
        return False
    return (position == len(head) or not whole) and _CONTROLS.search(head) is not None


class Profile:
    """Holds a gzip'd profile back until its end, then gives it out as it came or with other strings."""

    def __init__(
        self, context: Context, report: Report, leaks: LeakCheck, pseudonyms: Pseudonymizer | None = None
    ) -> None:
        self._pseudonyms = pseudonyms
        self._context = context
        self._report = report
        self._leaks = leaks
        self._parts: list[bytes] = []
        self._size = 0

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        self._size += len(data)
        if self._size > MAX_INPUT:
            raise Unsanitizable(f"a profile of more than {MAX_INPUT >> 20} MiB.")
        self._parts.append(data)
        return b""

    def finish(self) -> bytes:
        """See Reader."""
        packed = b"".join(self._parts)
        self._parts.clear()
        strings = [value for number, _, value in _fields(packed) if number == _STRING_TABLE]
        if not strings or strings[0] != b"" or sum(map(len, strings)) > MAX_STRINGS:
            raise Unsanitizable("a profile without strings, or with too many.")
        changed = self._sanitize(strings)
        if self._pseudonyms is not None:
            self._rename(self._pseudonyms, strings, changed)
        self._leaks.feed(b"\n".join(changed.get(index, value) for index, value in enumerate(strings)))
        self._leaks.finish()
        return _rebuilt(packed, changed) if changed else packed

    def _sanitize(self, strings: list[bytes]) -> dict[int, bytes]:
        """The strings that change, by index: all are scanned at once, only those with a hit one by one."""
        blob = b"\n".join(strings)
        hits = iter(self._context.core.scanner.scan(blob, 0, len(blob), len(blob)))
        hit = next(hits, None)
        changed: dict[int, bytes] = {}
        start = 0
        for index, value in enumerate(strings):
            end = start + len(value)
            touched = False
            while hit is not None and hit.start <= end:
                touched = True
                hit = next(hits, None)
            if touched:
                clean, rules = self._context.inside(value)
                if clean != value:
                    changed[index] = clean
                for rule in rules:
                    self._report.add(rule, index + 1)
            start = end + 1
        return changed

    def _rename(self, pseudonyms: Pseudonymizer, strings: list[bytes], changed: dict[int, bytes]) -> None:
        """Pseudonyms in all strings, one by one only if one look at all of them says that there are some."""
        clean = [changed.get(index, value) for index, value in enumerate(strings)]
        if not pseudonyms.text(b"\n".join(clean))[1]:
            return
        for index, value in enumerate(clean):
            text, rules = pseudonyms.text(value)
            if text != value:
                changed[index] = text
            for rule in rules:
                self._report.add(rule, index + 1)


def _rebuilt(packed: bytes, changed: dict[int, bytes]) -> bytes:
    """The profile with other strings, compressed anew without a time, so that equal input gives equal output."""
    pack = zlib.compressobj(6, zlib.DEFLATED, 31)
    out: list[bytes] = []
    index = 0
    for number, raw, _ in _fields(packed):
        if number == _STRING_TABLE:
            if index in changed:
                raw = bytes([_STRING_TABLE << 3 | 2]) + _varint(len(changed[index])) + changed[index]  # noqa: PLW2901 - the field's other form
            index += 1
        out.append(pack.compress(raw))
    out.append(pack.flush())
    return b"".join(out)


def _inflated(packed: bytes) -> Iterator[bytes]:
    """The gunzipped bytes in pieces of bounded size, members joined."""
    total = 0
    while packed:
        unpack = zlib.decompressobj(31)
        data = packed
        while not unpack.eof:
            try:
                piece = unpack.decompress(data, _CHUNK)
            except zlib.error as error:
                raise Unsanitizable("a damaged gzip file.") from error
            data = unpack.unconsumed_tail
            total += len(piece)
            if total > MAX_MESSAGE:
                raise Unsanitizable(f"a compressed file of more than {MAX_MESSAGE >> 20} MiB of content.")
            if not piece and not data and not unpack.eof:
                raise Unsanitizable("a gzip file that ends too early.")
            yield piece
        packed = unpack.unused_data


def _fields(packed: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Top-level fields: number, raw bytes, and the content of length-delimited ones.

    Raises:
        Unsanitizable: if the message is no Profile.
    """
    pieces = _inflated(packed)
    buffer = b""
    position = 0
    while True:
        parsed = _field(buffer, position)
        if parsed is not None:
            number, raw_end, low = parsed
            yield number, buffer[position:raw_end], buffer[low:raw_end]
            position = raw_end
            continue
        piece = next(pieces, None)
        if piece is None:
            break
        buffer = buffer[position:] + piece
        position = 0
        if len(buffer) > _MAX_FIELD + _CHUNK:
            raise Unsanitizable(f"a profile with a field of more than {_MAX_FIELD >> 20} MiB.")
    if position != len(buffer):
        raise Unsanitizable("a profile that ends inside a field.")


def _field(buffer: bytes, position: int) -> tuple[int, int, int] | None:
    """Number, end and content start of the field at `position`; None if it is not all there."""
    tag = _read_varint(buffer, position)
    if tag is None:
        return None
    number, wire = tag[0] >> 3, tag[0] & 7
    expected = _WIRE_TYPES.get(number)
    if expected is None or (wire != expected and (number, wire) != (13, 0)):
        raise Unsanitizable(_NO_PROFILE)
    value = _read_varint(buffer, tag[1])
    if value is None:
        return None
    if wire == 0:
        return number, value[1], value[1]
    end = value[1] + value[0]
    return (number, end, value[1]) if end <= len(buffer) else None


def _read_varint(buffer: bytes, position: int) -> tuple[int, int] | None:
    value = shift = 0
    while position < len(buffer):
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, position
        shift += 7
        if shift > 63:  # noqa: PLR2004 - a varint holds 64 bits
            raise Unsanitizable(_NO_PROFILE)
    return None


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:  # noqa: PLR2004 - seven bits a byte
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
