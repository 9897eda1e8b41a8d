"""Pseudonyms on request: which finders there are for which kinds, and the streams that use them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final, Self

from supportbundle.model.spec import PseudonymKind
from supportbundle.sanitize.reader import Reader
from supportbundle.sanitize.report import Report

from .addresses import Addresses
from .finding import Finder
from .hosts import Hosts
from .ipv4 import IPv4
from .ipv6 import IPv6
from .macs import Macs
from .mails import Mails
from .stream import Chained, Scanner, SwapStream, Untouched
from .tokens import Made, Tokens
from .users import Users

HOST, USER, MAIL = "host", "user", "mail"
"""Prefixes of the pseudonyms of names."""
_TELLING: Final = 4
"""Characters that the name of a seen host has at least."""


@dataclass(frozen=True, slots=True)
class Names:
    """Names that are replaced wherever they stand as whole words; case does not matter.

    `hosts` and `users` were given, `domains` with all hosts below them; `seen` are hosts known from the cluster.
    """

    hosts: Collection[str] = ()
    domains: Collection[str] = ()
    users: Collection[str] = ()
    seen: Collection[str] = ()


class Pseudonymizer:
    """Replaces values of some kinds by pseudonyms; immutable, shared by threads."""

    def __init__(self, finders: Iterable[Finder]) -> None:
        every = tuple(finders)
        self._scanner = Scanner(every) if every else None

    @classmethod
    def build(cls, kinds: Collection[PseudonymKind], key: bytes, names: Names = Names()) -> Self:
        """What replaces these kinds under `key` (KEY_BYTES random bytes).

        Raises:
            Invalid: if the key has another length.
        """
        return cls(_finders(frozenset(kinds), key, names))

    def stream(self, report: Report) -> Reader:
        """For one text; counts go to `report`, with lines as this stream is given them."""
        return SwapStream(self._scanner, report) if self._scanner else Untouched()

    def after(self, reader: Reader, report: Report) -> Reader:
        """`reader` with its output passed on through a stream."""
        return Chained(reader, self.stream(report))

    def text(self, text: bytes) -> tuple[bytes, tuple[str, ...]]:
        """A short text, and the rules that replaced something, once for each value."""
        report = Report()
        stream = self.stream(report)
        out = stream.feed(text) + stream.finish()
        return out, tuple(rule for rule, number in report.counts.items() for _ in range(number))


def _finders(kinds: frozenset[PseudonymKind], key: bytes, names: Names) -> list[Finder]:
    addresses = Addresses(key)
    finders = address_finders(kinds, addresses)
    tokens = {kind: Tokens(key, kind) for kind in (MAIL, HOST, USER)}
    made = Made(tokens.values())
    if PseudonymKind.EMAIL in kinds:
        finders.append(Mails(tokens[MAIL], made))
    if PseudonymKind.HOSTNAME in kinds:
        label = IPv4(addresses.ipv4).label if PseudonymKind.IP in kinds else _no_address
        known = {*names.hosts, *(name for host in names.seen for name in _telling(host))}
        if known or names.domains:
            finders.append(Hosts(tokens[HOST], made, known, names.domains, label))
    if PseudonymKind.USER in kinds:
        finders.append(Users(tokens[USER], made, names.users))
    return finders


def address_finders(kinds: frozenset[PseudonymKind], addresses: Addresses) -> list[Finder]:
    """Those of IP and MAC addresses, in the direction of `addresses`."""
    finders: list[Finder] = []
    if PseudonymKind.IP in kinds:
        finders += [IPv4(addresses.ipv4), IPv6(addresses.ipv6, short=addresses.back)]
    if PseudonymKind.MAC in kinds:
        finders.append(Macs(addresses.mac))
    return finders


def _telling(host: str) -> Iterable[str]:
    """The name, and its first label; neither if it could be just any word, such as `node` or `control-plane`."""
    short = host.partition(".")[0]
    if len(host) >= _TELLING and any(char in "0123456789." for char in host):
        yield host
    if short != host and len(short) >= _TELLING and any(char in "0123456789" for char in short):
        yield short


def _no_address(_: bytes) -> None:
    return None
