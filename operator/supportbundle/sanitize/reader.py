"""What a reader of one kind of content must do; the registry in `readers.py` lists them."""

from __future__ import annotations

from typing import Protocol


class Reader(Protocol):
    """A stream of one kind of content being sanitized."""

    def feed(self, data: bytes) -> bytes:
        """Take any part of the content; returns what is finished.

        Raises:
            Unsanitizable: if the content cannot be proven clean.
        """
        ...

    def finish(self) -> bytes:
        """The end of the content.

        Raises:
            Unsanitizable: if the content cannot be proven clean.
        """
        ...
