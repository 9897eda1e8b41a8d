"""Text that is no UTF-8: wide encodings become UTF-8, those with one byte for each character stay as they are.

A marker inside UTF-16 or UTF-32 would be no text at all. Latin-1 and its relatives hold ASCII where it matters, so only
a parser that insists on characters needs help.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

from supportbundle.errors import Unsanitizable

from .reader import Reader

BOM: Final = b"\xef\xbb\xbf"
_PRIVATE: Final = 0xE000
"""Bytes beyond ASCII stand for private characters above it meanwhile: letters to every parser, no line breaks."""
_TO_PRIVATE: Final = {byte: _PRIVATE + byte for byte in range(0x80, 0x100)}
_ENCODED: Final = re.compile(rb"\xee([\x82\x83])([\x80-\xbf])")


def from_single_bytes(text: bytes) -> str:
    """As many characters as there are bytes."""
    return text.decode("latin-1").translate(_TO_PRIVATE)


def to_single_bytes(text: bytes) -> bytes:
    """The bytes behind UTF-8 made from such characters."""
    return _ENCODED.sub(lambda match: bytes([match.group(2)[0] + 0x40 * (match.group(1)[0] - 0x82)]), text)


class Marked:
    """Keeps UTF-8's byte order mark, with which the content begins, away from another reader."""

    def __init__(self, inner: Reader) -> None:
        self._inner = inner
        self._mark = BOM

    def feed(self, data: bytes) -> bytes:
        """See Reader; the first data hold the whole mark."""
        mark, self._mark = self._mark, b""
        return mark + self._inner.feed(data[len(mark) :])

    def finish(self) -> bytes:
        """See Reader."""
        return self._inner.finish()


class Transcoded:
    """Feeds another reader with UTF-8 made from `codec`; the byte order mark is dropped."""

    def __init__(self, inner: Reader, codec: str) -> None:
        self._inner = inner
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)(errors="strict")
        self._first = True

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        text = self._decoded(data, final=False)
        return self._inner.feed(text) if text else b""

    def finish(self) -> bytes:
        """See Reader."""
        return self._inner.feed(self._decoded(b"", final=True)) + self._inner.finish()

    def _decoded(self, data: bytes, *, final: bool) -> bytes:
        try:
            text = self._decoder.decode(data, final)
            if text and self._first:
                self._first = False
                text = text.removeprefix("\ufeff")
            return text.encode()
        except UnicodeError as error:
            raise Unsanitizable(f"a text that is not valid {self._codec}.") from error
