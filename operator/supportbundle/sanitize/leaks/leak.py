"""The leak check: a second opinion on finished output, by other expressions and another list of forms.

Hyperscan in streaming mode keeps its state across chunks, so no match is lost between them and memory is bounded. The
expressions are written here anew and stricter than the sanitizer's: whatever they find must not leave, so they may
only name what is certain.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, NamedTuple

import hyperscan

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.find.known import RULE, KnownSecret, base64_cores, values

from .leak_expressions import EXPRESSIONS

_LONGEST_LITERAL: Final = 48


class Finding(NamedTuple):
    """A secret that is still there: the rule that should have caught it, and where it ends (bytes from the start)."""

    rule: str
    end: int


@dataclass(frozen=True, slots=True)
class LeakRules:
    """What is looked for; immutable, shared by all checks, compiled by the first of them."""

    names: tuple[str, ...]
    """By the number of the expression; the last one is that of all known secrets."""
    literals: tuple[bytes, ...]

    @property
    def database(self) -> Any:  # noqa: ANN401 - hyperscan's stubs do not say
        """The compiled database."""
        return _database(self.literals)

    @classmethod
    def build(cls, known: Iterable[KnownSecret]) -> LeakRules:
        """The expressions, and the known secrets as literals, plain and in base64."""
        literals = tuple(sorted({literal for value in values(known) for literal in _literals(value)}))
        return cls((*EXPRESSIONS, RULE), literals)


@lru_cache(maxsize=8)
def _database(literals: tuple[bytes, ...]) -> Any:  # noqa: ANN401 - hyperscan's stubs do not say
    expressions = [*EXPRESSIONS.values(), *map(_escaped, literals)]
    ids = [*range(len(EXPRESSIONS)), *[len(EXPRESSIONS)] * len(literals)]
    database = hyperscan.Database(mode=hyperscan.HS_MODE_STREAM)
    database.compile(expressions=expressions, ids=ids, elements=len(ids), flags=[hyperscan.HS_FLAG_DOTALL] * len(ids))
    return database


def _escaped(literal: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in literal)


def _literals(value: bytes) -> Iterable[bytes]:
    if b"\n" not in value:
        yield value[:_LONGEST_LITERAL]
    for core in base64_cores(value):
        yield core[:_LONGEST_LITERAL]


class LeakScan:
    """One stream being searched, by one thread at a time; `found` is told everything, in order of its end.

    The binding borrows references to the callback without owning them and misreads a scratch given to `close`, so the
    callback is kept here, each scan uses a scratch of its own, and closing, which holds the GIL, the database's.
    """

    def __init__(self, rules: LeakRules, found: Callable[[Finding], None]) -> None:
        self._names = rules.names
        self._found = found
        self._callback = self._on_match
        self._scratch = hyperscan.Scratch(rules.database)
        self._stream: Any = rules.database.stream(match_event_handler=self._callback)
        self._stream.__enter__()

    def _on_match(self, number: int, _start: int, end: int, _flags: int, _context: object) -> bool | None:
        self._found(Finding(self._names[number], end))
        return None

    def feed(self, data: bytes) -> None:
        """Search the next bytes."""
        if data:
            self._stream.scan(data, scratch=self._scratch)

    def finish(self) -> None:
        """Search what only the end decides."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()


class LeakCheck:
    """One member's check: any finding condemns it."""

    def __init__(self, rules: LeakRules) -> None:
        self._rules: set[str] = set()
        self._scan = LeakScan(rules, lambda finding: self._rules.add(finding.rule))

    def feed(self, data: bytes) -> None:
        """Look at any part of the output.

        Raises:
            Unsanitizable: if a secret was found; names the rule, never the value.
        """
        self._scan.feed(data)
        if self._rules:
            self.finish()

    def finish(self) -> None:
        """Look at what only the end decides.

        Raises:
            Unsanitizable: as feed.
        """
        self._scan.finish()
        if self._rules:
            names = ", ".join(sorted(self._rules))
            raise Unsanitizable(
                f"the leak check found a secret in sanitized output ({names}).", "Report the rule's name."
            )
