"""Names of hosts: those that were given or seen in the cluster, and all below given domains, label by label.

A label has one pseudonym wherever it stands, so hosts of one domain still share its pseudonym. What says nothing about
anybody stays: top-level domains, the clouds' and the cluster's own suffixes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final

from . import edges
from .finding import CASELESS, MARKER_TAIL, Swap, Trigger
from .tokens import TOKEN, Made, Tokens

RULE: Final = "pseudonym-hostname"
_NAME: Final = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ._-"
_LONGEST: Final = 253
_KEPT: Final = re.compile(
    rb"(?i)(?:\A|\.)(?:(?:(?:svc|pod)\.)?cluster\.local|(?:[a-z]{2}(?:-[a-z]+){1,2}-[0-9]\.)?(?:compute\.internal)"
    rb"|ec2\.internal|compute\.amazonaws\.com|internal\.cloudapp\.net|googleusercontent\.com|home\.arpa"
    rb"|(?:co|com|org|net|ac|gov|edu)\.[a-z]{2}|localhost|[a-z][a-z0-9-]*)\Z"
)
_IN_MARKER: Final = re.compile(rb"<redacted:[a-z0-9-]*\Z")
_GOES_ON: Final = re.compile(rb"\.[A-Za-z0-9_]")
_CACHED: Final = 1 << 14


class Hosts:
    """Finds and replaces them; shared by threads. `address` maps a label that is an address (ip-10-0-1-2)."""

    def __init__(
        self,
        tokens: Tokens,
        made: Made,
        hosts: Iterable[str],
        domains: Iterable[str],
        address: Callable[[bytes], bytes | None],
    ) -> None:
        self._tokens = tokens
        self._made_before = made
        self._address = address
        names = sorted({host.lower().strip(".").encode() for host in hosts} - {b""})
        zones = sorted({domain.lower().strip(".").encode() for domain in domains} - {b""})
        self._table = [*((name, False) for name in names), *((zone, True) for zone in zones)]
        self._cache: dict[bytes, bytes] = {}
        self.triggers = tuple(Trigger(re.escape(name), CASELESS) for name, _ in self._table)

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """See Finder."""
        name, is_zone = self._table[number]
        start = at - len(name)
        if not edges.ends(buffer, at) or buffer[at : at + 1] == b"-":
            return None
        if is_zone:
            if _GOES_ON.match(buffer, at):
                return None
            low = max(0, at - _LONGEST)
            first = low + len(buffer[low:start].rstrip(_NAME))
            first = edges.after_escape(buffer, first, start)
            if first < start and buffer[start - 1] != _DOT:
                return None
            start = at - len(buffer[first:at].lstrip(b"._-"))
        elif buffer[start - 1 : start] == b"-" or not edges.begins(buffer, start):
            return None
        if in_marker(buffer, start):
            return None
        text = self._pseudonym(buffer[start:at])
        return None if text == buffer[start:at] else Swap(start, at, text, RULE)

    def _pseudonym(self, name: bytes) -> bytes:
        name = name.lower()
        if name not in self._cache:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[name] = self._made(name)
        return self._cache[name]

    def _made(self, name: bytes) -> bytes:
        kept = _KEPT.search(name)
        cut = kept.start() if kept and kept.start() else len(name)
        return b".".join(self._label(label) for label in name[:cut].split(b".")) + name[cut:]

    def _label(self, label: bytes) -> bytes:
        if not label or label in self._made_before:
            return label
        return self._address(label) or self._tokens.of(label)


def in_marker(buffer: bytes, start: int) -> bool:
    """Whether buffer[start] lies in the name of the rule of a marker."""
    return _IN_MARKER.search(buffer, max(0, start - MARKER_TAIL), start) is not None


class RevealedNames:
    """Finds pseudonyms of one kind of name and puts the names back."""

    def __init__(self, tokens: Tokens, rule: str) -> None:
        self._tokens = tokens
        self._rule = rule
        self._form = re.compile(re.escape(tokens.prefix) + TOKEN)
        self.triggers = (Trigger(re.escape(tokens.prefix) + rb"[0-9b-df-hj-np-z]{16}"),)

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """See Finder."""
        del number
        found = self._form.match(buffer, at - 16 - len(self._tokens.prefix))
        name = self._tokens.name(found.group()) if found else None
        return Swap(found.start(), found.end(), name, self._rule) if found and name is not None else None


_DOT: Final = ord(".")
