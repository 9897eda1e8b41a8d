"""Whether a content left its reader as it came: exactly, without a digest, holding no more than the reader does."""

from __future__ import annotations


class Compare:
    """Input and output of one reader, in step."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._differs = False

    def before(self, data: bytes) -> None:
        """What the reader is given."""
        if not self._differs:
            self._pending += data

    def after(self, data: bytes) -> None:
        """What it gave."""
        if self._differs or not self._pending.startswith(data):
            self._differs = True
            self._pending.clear()
        else:
            del self._pending[: len(data)]

    def differs(self) -> bool:
        """At the end: whether anything changed, was added or was left out."""
        return self._differs or bool(self._pending)
