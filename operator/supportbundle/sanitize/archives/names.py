"""Names of members: hostile bytes that may hold secrets themselves. What does not stand clean is replaced."""

from __future__ import annotations

from typing import Final, Protocol

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.context import Context

_SHOWN: Final = 200


class Check(Protocol):
    """A leak check, or what listens in its place."""

    def feed(self, data: bytes) -> None:
        """Look at any part of what leaves."""
        ...

    def finish(self) -> None:
        """Look at what only the end decides."""
        ...


class Names:
    """The names of one archive. The same name always becomes the same, so that links still point where they did."""

    def __init__(self, context: Context | None, limit: int, check: Check) -> None:
        """Without a context every name is clean; `check` is shown all that leaves."""
        self._context = context
        self._limit = limit
        self._check = check
        self._replaced: dict[bytes, bytes] = {}

    def path(self, name: bytes) -> bytes:
        """`name` with every segment in it replaced that is not clean; all of it if only the whole is not.

        Raises:
            Unsanitizable: if it is longer than any file system allows.
        """
        if len(name) > self._limit:
            raise Unsanitizable(f"an archive with a name of more than {self._limit} bytes.")
        if self.clean(name):
            return name
        segments = [part if self.clean(part) else self.substitute(part) for part in name.split(b"/")]
        path = b"/".join(segments)
        return path if self.clean(path) and len(path) <= self._limit else self.substitute(name)

    def clean(self, text: bytes) -> bool:
        """Whether `text` may leave as it stands."""
        if self._context is None or not self._context.core.scanner.scan(text, 0, len(text), len(text)):
            return True
        try:
            return self._context.inside(text)[0] == text
        except Unsanitizable:
            return False

    def text(self, text: bytes) -> bytes:
        """A comment without its secrets; nothing if that is not possible."""
        try:
            return text if self._context is None else self._context.inside(text)[0]
        except Unsanitizable:
            return b""

    def substitute(self, name: bytes) -> bytes:
        """What stands for a name that must not leave, always the same."""
        return self._replaced.setdefault(name, b"redacted-name-%d" % (len(self._replaced) + 1))

    def leaves(self, *texts: bytes) -> None:
        """Tell the leak check what is written.

        Raises:
            Unsanitizable: if it finds something.
        """
        self._check.feed(b"".join(text + b"\n" for text in texts))

    def finish(self) -> None:
        """The end of the archive.

        Raises:
            Unsanitizable: as leaves.
        """
        self._check.finish()


def shown(name: bytes) -> str:
    """A clean name for messages."""
    return name.decode("utf-8", "replace")[:_SHOWN]
