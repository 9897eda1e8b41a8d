"""UTF-16 text is sanitized as UTF-8 and stays UTF-8: a marker inside UTF-16 would be no text at all."""

from __future__ import annotations

import codecs

from supportbundle.errors import Unsanitizable

from .reader import Reader


class Transcoded:
    """Feeds another reader with UTF-8 made from `codec`; the byte order mark is dropped."""

    def __init__(self, inner: Reader, codec: str) -> None:
        self._inner = inner
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
            raise Unsanitizable("a text that is not valid UTF-16.") from error
