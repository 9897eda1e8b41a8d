"""The leak check: a second opinion on finished output, by another engine and another list of forms.

Hyperscan in streaming mode keeps its state across chunks, so no match is lost between them and memory is bounded. The
expressions are written here anew and stricter than the sanitizer's: whatever they find must not leave, so they may
only name what is certain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import hyperscan

from supportbundle.errors import Unsanitizable

from .known import RULE, KnownSecret, base64_cores, values

EXPRESSIONS: Final[Mapping[str, bytes]] = {
    "pem": rb"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:\s|\\+[nr]|[A-Za-z\-]{4,12}: [\w,\- ]{1,60}){1,12}[A-Za-z0-9+/]{32}",
    "pem-line": rb"(?:^|[ \t\r\n])MII[A-Za-z0-9+/]{37}",
    "jwt": rb"\beyJ[A-Za-z0-9_\-]{10,600}\.eyJ[A-Za-z0-9_\-]{6,600}\.[A-Za-z0-9_\-]{16}",
    "aws-access-key": rb"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "github-token": rb"\bgh[pousr]_[A-Za-z0-9]{36}",
    "github-pat": rb"\bgithub_pat_[A-Za-z0-9]{22}_",
    "gitlab-token": rb"\bglpat-[A-Za-z0-9_\-]{20}",
    "slack-token": rb"\bxox[bp]-[0-9]{8,14}-[A-Za-z0-9\-]{10}",
    "stripe-key": rb"\b[sr]k_live_[A-Za-z0-9]{20}",
    "npm-token": rb"\bnpm_[A-Za-z0-9]{36}\b",
    "pypi-token": rb"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{20}",
    "sendgrid-key": rb"\bSG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}",
    "gcp-api-key": rb"\bAIza[A-Za-z0-9_\-]{35}\b",
    "vault-token": rb"\bhvs\.[A-Za-z0-9_\-]{24}",
    "url-userinfo": rb"\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[\w.\-]{0,40}:[\w.\-!$%]{1,80}@[\w\[]",
}
"""Expressions by the rule that should have caught them."""
_LONGEST_LITERAL: Final = 48


@dataclass(frozen=True, slots=True)
class LeakRules:
    """Compiled databases; immutable, shared by all checks."""

    names: tuple[str, ...]
    databases: tuple[Any, ...]

    @classmethod
    def build(cls, known: Iterable[KnownSecret]) -> LeakRules:
        """Compile the expressions, and the known secrets as literals, plain and in base64."""
        literals = sorted({literal for value in values(known) for literal in _literals(value)})
        names = (*EXPRESSIONS, *([RULE] if literals else []))
        databases = [_builtin()]
        if literals:
            databases.append(_database([_escaped(literal) for literal in literals], [len(EXPRESSIONS)] * len(literals)))
        return cls(names, tuple(databases))


@cache
def _builtin() -> Any:  # noqa: ANN401 - as below
    """The expressions' database, the same for all: compiling it takes most of a build."""
    return _database(list(EXPRESSIONS.values()), list(range(len(EXPRESSIONS))))


def _database(expressions: list[bytes], ids: list[int]) -> Any:  # noqa: ANN401 - hyperscan's stubs do not say
    database = hyperscan.Database(mode=hyperscan.HS_MODE_STREAM)
    flags = [hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_DOTALL] * len(expressions)
    database.compile(expressions=expressions, ids=ids, elements=len(expressions), flags=flags)
    return database


def _escaped(literal: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in literal)


def _literals(value: bytes) -> Iterable[bytes]:
    if b"\n" not in value:
        yield value[:_LONGEST_LITERAL]
    for core in base64_cores(value):
        yield core[:_LONGEST_LITERAL]


class LeakCheck:
    """One member's check; used by one thread at a time.

    The binding borrows references to the callback without owning them and misreads a scratch given to `close`, so the
    callback is kept here, each check scans with a scratch of its own, and closing, which holds the GIL, uses the
    database's.
    """

    def __init__(self, rules: LeakRules) -> None:
        self._rules = rules
        self._found: set[int] = set()
        self._callback = self._on_match
        self._streams: list[tuple[Any, Any]] = []
        for database in rules.databases:
            stream = database.stream(match_event_handler=self._callback)
            stream.__enter__()
            self._streams.append((stream, hyperscan.Scratch(database)))

    def _on_match(self, number: int, _start: int, _end: int, _flags: int, _context: object) -> bool | None:
        self._found.add(number)
        return None

    def feed(self, data: bytes) -> None:
        """Look at any part of the output.

        Raises:
            Unsanitizable: if a secret was found; names the rule, never the value.
        """
        if data:
            for stream, scratch in self._streams:
                stream.scan(data, scratch=scratch)
        if self._found:
            self.finish()

    def finish(self) -> None:
        """Look at what only the end decides.

        Raises:
            Unsanitizable: as feed.
        """
        while self._streams:
            self._streams.pop()[0].close()
        if self._found:
            names = ", ".join(sorted(self._rules.names[number] for number in self._found))
            raise Unsanitizable(
                f"the leak check found a secret in sanitized output ({names}).", "Report the rule's name."
            )
