"""What was taken for a document and could not be followed: too large, or broken. It goes on as running text.

Path rules cannot be judged there, so a name that one of them ends in is not let through.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.context import Context
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.text.lines import Lines

_KEPT: Final = 1 << 10
_LEADS: Final = re.compile(rb"""(?:^|\n)[ \t]*+(?>(?:[-?] *+)*)\Z|["']\Z""")


class Unread:
    """The rest of a document, by the reader of running text."""

    def __init__(self, context: Context, lines: Lines) -> None:
        self._core = context.core
        self._lines = lines
        self._before = b""

    def feed(self, data: bytes) -> bytes:
        """See Reader.

        Raises:
            Unsanitizable: if a path rule may mean something here, and as Lines.
        """
        if self._core.paths.root:
            text = self._before + data
            for hit in self._core.scanner.scan(text, 0, len(text), len(text)):
                if (
                    hit.kind is Kind.PATH
                    and hit.end > len(self._before)
                    and _LEADS.search(text, max(0, hit.start - _KEPT), hit.start)
                ):
                    raise Unsanitizable(
                        "a part of the document is broken or too large to be read, and the path of a rule may "
                        "lead there.",
                        "Use a rule of type Key for it.",
                    )
            self._before = text[-_KEPT:]
        return self._lines.feed(data)

    def finish(self, *, more: bool = False) -> bytes:
        """See Lines."""
        self._before = self._before if more else b""
        return self._lines.finish(more=more)
