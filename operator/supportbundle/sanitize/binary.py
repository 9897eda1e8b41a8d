"""Binaries pass byte for byte: editing one would break it. One that holds a known secret does not pass at all."""

from __future__ import annotations

from typing import Final

from supportbundle.errors import Unsanitizable

from .core import Core
from .find.known import RULE

_OVERLAP: Final = 64
"""Longer than any piece of a known secret that is searched for."""


class Binary:
    """Passes bytes on while looking for known secrets, plain and encoded."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        """See Reader."""
        window = self._tail + data
        if self._core.known.find(window):
            raise Unsanitizable(
                f"a binary holds a value of a mounted Secret ({RULE}).", "Collect it without this file."
            )
        self._tail = window[-_OVERLAP:]
        return data

    def finish(self) -> bytes:
        """See Reader."""
        return b""
