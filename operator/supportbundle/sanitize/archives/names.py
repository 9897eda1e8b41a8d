"""Names of members: hostile bytes that may hold secrets themselves. What does not stand clean is replaced."""

from __future__ import annotations

import re
from typing import Final, Protocol

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.context import Context
from supportbundle.sanitize.pseudonyms import Pseudonymizer

_SHOWN: Final = 200
_CACHED: Final = 1 << 14
_HOMES: Final = frozenset({b"home", b"users"})
_ENDING: Final = re.compile(
    rb"(?i)(?:\.(?:log|txt|out|err|json|ya?ml|xml|html?|csv|conf|cfg|ini|env|sh|md|pb|p?prof|zip|tar|tgz|gz|bz2|xz|zst))+\Z"
)
"""Of files: `10.0.0.7.log` is named after an address, and `db.corp.example.json` after a host."""
_ROOTS: Final[tuple[list[bytes], ...]] = ([], [b""], [b"."])


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

    def __init__(
        self, context: Context | None, limit: int, check: Check, pseudonyms: Pseudonymizer | None = None
    ) -> None:
        """Without a context every name is clean; `check` is shown all that leaves."""
        self._context = context
        self._pseudonyms = pseudonyms
        self._renamed: dict[bytes, bytes] = {}
        self._limit = limit
        self._check = check
        self._replaced: dict[bytes, bytes] = {}

    def path(self, name: bytes) -> bytes:
        """`name` with every segment in it replaced that is not clean; all of it if only the whole is not.

        What else has a pseudonym gets it.

        Raises:
            Unsanitizable: if it is longer than any file system allows.
        """
        if len(name) > self._limit:
            raise Unsanitizable(f"an archive with a name of more than {self._limit} bytes.")
        segments = name.split(b"/")
        clean = self.clean(name)
        if not clean:
            segments = [part if self.clean(part) else self.substitute(part) for part in segments]
        path = b"/".join(self._segment(segments, index) for index in range(len(segments)))
        if clean and path == name:
            return name
        return path if self.clean(path) and len(path) <= self._limit else self.substitute(name)

    def owner(self, text: bytes) -> bytes:
        """The name of a user or a group, as it may leave."""
        return self._with_pseudonyms(b"user=", text) if self.clean(text) else b"redacted"

    def _segment(self, segments: list[bytes], index: int) -> bytes:
        """A segment alone, so that a folder is called the same wherever it stands; only a home's needs its parent."""
        parent = segments[index - 1].lower() if index else b""
        is_home = parent in _HOMES and segments[: index - 1] in _ROOTS
        ending = _ENDING.search(segments[index])
        stem, behind = (segments[index][: ending.start()], ending.group()) if ending else (segments[index], b"")
        return self._with_pseudonyms(b"/home/" if is_home else b"", stem) + behind

    def _with_pseudonyms(self, before: bytes, text: bytes) -> bytes:
        if self._pseudonyms is None or not text:
            return text
        key = before + text
        if key not in self._renamed:
            if len(self._renamed) >= _CACHED:
                self._renamed.clear()
            self._renamed[key] = self._pseudonyms.text(key)[0].removeprefix(before)
        return self._renamed[key]

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
            return text if self._context is None else self._with_pseudonyms(b"", self._context.inside(text)[0])
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
