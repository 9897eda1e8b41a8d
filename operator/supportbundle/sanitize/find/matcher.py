"""Many expressions looked for at once: Hyperscan over one block, which says which of them ends where.

It only tells where to look; RE2 and plain comparison decide. Databases are immutable and shared; each thread has a
scratch space of its own, and scanning releases the GIL.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, Final

import hyperscan

PREFILTER: Final[int] = hyperscan.HS_FLAG_PREFILTER
"""For expressions that Hyperscan cannot express exactly: it may then report places where nothing is."""
MULTILINE: Final[int] = hyperscan.HS_FLAG_MULTILINE


class Matcher:
    """Compiled expressions, numbered as given.

    Raises:
        hyperscan.error: if an expression is none that Hyperscan understands.
    """

    def __init__(self, expressions: Sequence[bytes], flags: Sequence[int] | None = None) -> None:
        count = len(expressions)
        self._database: Any = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
        self._database.compile(
            expressions=list(expressions), ids=list(range(count)), elements=count, flags=list(flags or [0] * count)
        )
        self._local = threading.local()

    def find(self, data: bytes) -> list[tuple[int, int]]:
        """(end, number) of every match, each end that an expression can have reported by itself."""
        found: list[tuple[int, int]] = []

        def matched(number: int, _start: int, end: int, _flags: int, _context: object) -> None:
            found.append((end, number))

        if data:
            self._database.scan(data, match_event_handler=matched, scratch=self._scratch())
        return found

    def _scratch(self) -> Any:  # noqa: ANN401 - hyperscan's stubs do not say
        try:
            return self._local.scratch
        except AttributeError:
            self._local.scratch = hyperscan.Scratch(self._database)
            return self._local.scratch


def literal(text: bytes) -> bytes:
    """The expression for these very bytes."""
    return b"".join(b"\\x%02x" % byte for byte in text)


def understood(expression: bytes, flags: int) -> bool:
    """Whether Hyperscan knows this expression."""
    try:
        Matcher([expression], [flags])
    except hyperscan.error:
        return False
    return True
