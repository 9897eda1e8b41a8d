"""Names of people: those that were given as whole words, home directories, and values of keys that say `user`."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from . import edges
from .finding import CASELESS, Swap, Trigger
from .hosts import in_marker
from .tokens import Made, Tokens

RULE: Final = "pseudonym-user"
_NAME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9._\-]{0,62}")
_KEY: Final = (
    rb"""\b(?:user|username|user_name|user-name|login|login_name|account_name|accountname)\\?["']?[ \t]{0,2}[:=]"""
    rb"""[ \t]{0,2}\\?["']?[a-z]"""
)
_NOBODY: Final = frozenset(
    b"admin administrator all-users anonymous apache app application centos daemon debian default disabled"
    b" ec2-user elastic empty enabled false git grafana guest httpd id int integer jenkins kafka kube kubernetes"
    b" linuxbrew login mongodb mysql name nginx nil no nobody node none nonroot null object optional password"
    b" postgres prometheus public rabbitmq redis required root runner service serviceaccount shared string system"
    b" test true ubuntu undefined unknown user username users vagrant vscode www www-data yes".split()
)
"""Accounts of software and words that stand where a name could: replacing them would tell less and protect nobody."""
_DEEP: Final = re.compile(rb"(?i)[\w.\-]/(?:home|users)/\Z")
"""Such a folder is a home only at the root: many a web site has `/home/` somewhere."""
_WORDS: Final = 4
_CACHED: Final = 1 << 14


class Users:
    """Finds and replaces them; shared by threads."""

    def __init__(self, tokens: Tokens, made: Made, users: Iterable[str]) -> None:
        self._tokens = tokens
        self._made = made
        self._names = sorted({user.lower().encode() for user in users} - {b""})
        self._cache: dict[bytes, bytes | None] = {}
        self.triggers = (
            Trigger(rb"/(?:home|users)/[a-z]", CASELESS),
            Trigger(rb"\\users\\{1,4}[a-z]", CASELESS),
            Trigger(_KEY, CASELESS),
            Trigger(rb"\b(?:for|invalid) user [a-z]", CASELESS),
            *(Trigger(re.escape(name), CASELESS) for name in self._names),
        )

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """See Finder."""
        if number >= _WORDS:
            return self._given(buffer, at, self._names[number - _WORDS])
        start = at - 1
        if number == 0 and _DEEP.search(buffer, max(0, start - 8), start):
            return None
        found = _NAME.match(buffer, start)
        if found is None or not edges.ends(buffer, found.end()):  # longer than any name, and cut it could not be told
            return None
        end = start + len(found.group().rstrip(b"._-"))
        if buffer[end : end + 1] in {b":", b"("} and number >= _KEYED:  # system:serviceaccount:…, currentUser()
            return None
        return self._swap(buffer, start, end)

    def _given(self, buffer: bytes, at: int, name: bytes) -> Swap | None:
        start = at - len(name)
        before, behind = buffer[start - 1 : start] if start else b"", buffer[at : at + 1]
        if before == b"-" or behind == b"-" or not edges.begins(buffer, start) or not edges.ends(buffer, at):
            return None
        if in_marker(buffer, start) or (behind == b"." and not edges.ends(buffer, at + 1)):
            return None
        return Swap(start, at, self._tokens.of(name), RULE)

    def _swap(self, buffer: bytes, start: int, end: int) -> Swap | None:
        name = buffer[start:end].lower()
        if name not in self._cache:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            kept = name in _NOBODY or name in self._made
            self._cache[name] = None if kept else self._tokens.of(name)
        text = self._cache[name]
        return None if text is None else Swap(start, end, text, RULE)


_KEYED: Final = 2
