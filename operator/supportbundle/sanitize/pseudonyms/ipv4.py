"""IPv4 addresses in text: dotted, with a prefix length, with dashes as in names of hosts, in reverse DNS."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from . import edges
from .addresses import Map, in_network, is_private4
from .finding import CASELESS, Swap, Trigger
from .lookalikes import is_version

RULE: Final = "pseudonym-ip"
_CACHED: Final = 1 << 16
_UNSEEN: Final = (b"", False)
_PLAIN: Final = re.compile(rb"(?<=[ \"'(\[,])[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}(?![\w.+~\-/%\\])")
_LONGEST: Final = 15
_OCTETS: Final[Mapping[bytes, int]] = {str(number).encode(): number for number in range(256)}
"""Without leading zeros: 010.001.000.001 is no address, and nobody knows whether it is octal."""
_BITS: Final = 32
_REACH: Final = 24
_LENGTH: Final = re.compile(rb"/(3[0-2]|[12]?[0-9])(?![0-9.])")
_PORT: Final = re.compile(rb"\.[0-9]{1,5}(?: [<>] |: )")
_EXTENDS: Final = re.compile(rb"\.[\w\-]")
_WILDCARD_DNS: Final = re.compile(rb"(?i)\.(?:nip|sslip)\.io\b")
_CLUSTER_DNS: Final = re.compile(rb"\.[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63})?\.(?:pod|svc)\b")
_DASHED: Final = re.compile(rb"[0-9]{1,3}(?:-[0-9]{1,3}){3}(?![0-9]|-[0-9])")
_DASHED_NAME: Final = re.compile(rb"(?i)(ip-|ec2-)([0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3}-[0-9]{1,3})")
_REVERSE: Final = re.compile(rb"((?:[0-9]{1,3}\.){1,4})\Z")
_DOTTED, _DASHES, _ARPA = range(3)
_QUAD: Final = 4
_DOTS: Final = 3


class IPv4:
    """Finds and maps them; shared by threads."""

    triggers: Final = (
        Trigger(rb"[0-9]\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]"),
        Trigger(rb"[0-9]-[0-9]{1,3}-[0-9]{1,3}-[0-9]"),
        Trigger(rb"[0-9]\.in-addr\.arpa", CASELESS),
    )

    def __init__(self, move: Map) -> None:
        self._move = move
        self._cache: dict[bytes, tuple[bytes, bool] | None] = {}

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """See Finder."""
        if number == _DOTTED:
            return self._plain(buffer, at)
        return self._dashed(buffer, at) if number == _DASHES else self._reverse(buffer, at)

    def label(self, label: bytes) -> bytes | None:
        """The first label of a cloud's host name (ip-10-0-1-2) with its address mapped; None for any other label."""
        found = _DASHED_NAME.fullmatch(label)
        known = self._image(found.group(2).replace(b"-", b".")) if found else None
        return found.group(1) + known[0].replace(b".", b"-") if found and known else None

    def _plain(self, buffer: bytes, at: int) -> Swap | None:
        """An address between blanks, quotes or brackets, as nearly all of a log are; any other takes a closer look."""
        found = _PLAIN.search(buffer, at - _LONGEST if at > _LONGEST else 0, at + 3)
        if found is None or not found.start() < at <= found.end():
            return self._dotted(buffer, at)
        text = found.group()
        known = self._cache.get(text, _UNSEEN)
        if known is _UNSEEN:
            known = self._image(text)
        if known is None or known[0] == text:
            return None
        start, end = found.span()
        return None if is_version(buffer, start, end, private=known[1]) else Swap(start, end, known[0], RULE)

    def _dotted(self, buffer: bytes, at: int) -> Swap | None:
        """The run of digits and dots around the hit; one of more than four numbers is an OID or a long version."""
        low = at - _REACH if at > _REACH else 0
        start = low + len(buffer[low:at].rstrip(b"0123456789."))
        tail = buffer[at : at + 2]
        end = at + len(tail) - len(tail.lstrip(b"0123456789"))
        if buffer[start] == _DOT:
            start += _leading_dots(buffer, start, at, end)
        start = edges.after_digits_of_escape(buffer, start, at)
        text = buffer[start:end]
        known = self._cache.get(text, _UNSEEN)
        if known is _UNSEEN:
            known = self._image(text)
        if known is None or not _stands_alone(buffer, start, end):
            return None
        image, private = known
        if is_version(buffer, start, end, private=private):
            return None
        if buffer[end : end + 1] == b"/" and (found := _LENGTH.match(buffer, end)):
            image = _dots(in_network(self._move, _number(text.split(b".")), int(found.group(1)), _BITS))
        return None if image == text else Swap(start, end, image, RULE)

    def _image(self, text: bytes) -> tuple[bytes, bool] | None:
        """The mapped text, and whether it is private; None if it is no address. The answer is remembered."""
        known: tuple[bytes, bool] | None = None
        parts = text.split(b".")
        if len(parts) == _QUAD and _OCTETS.keys() >= set(parts):
            address = _number(parts)
            known = _dots(self._move(address)), is_private4(address)
        if len(self._cache) >= _CACHED:
            self._cache.clear()
        self._cache[text] = known
        return known

    def _dashed(self, buffer: bytes, at: int) -> Swap | None:
        low = max(0, at - _REACH)
        start = low + len(buffer[low:at].rstrip(b"0123456789-"))
        found = _DASHED.search(buffer, start, at + 2)
        if found is None or not edges.ends(buffer, found.end()):
            return None
        named = buffer[max(0, start - 3) : found.start()].lower().endswith((b"ip-", b"ec2-"))
        if not named and not self._in_dns(buffer, found.start(), found.end()):
            return None
        known = self._image(found.group().replace(b"-", b"."))
        if known is None:
            return None
        image = known[0].replace(b".", b"-")
        return None if image == found.group() else Swap(found.start(), found.end(), image, RULE)

    @staticmethod
    def _in_dns(buffer: bytes, start: int, end: int) -> bool:
        if _WILDCARD_DNS.match(buffer, end):
            return True
        return edges.begins(buffer, start) and _CLUSTER_DNS.match(buffer, end) is not None

    def _reverse(self, buffer: bytes, at: int) -> Swap | None:
        """A name in reverse DNS; one of fewer than four numbers stands for a network."""
        end = at - len(b"in-addr.arpa")
        low = max(0, end - _REACH)
        start = low + len(buffer[low:end].rstrip(b"0123456789."))
        found = _REVERSE.fullmatch(buffer, start, end)
        parts = found.group(1)[:-1].split(b".")[::-1] if found else []
        if not parts or not edges.begins(buffer, start) or any(part not in _OCTETS for part in parts):
            return None
        padded = parts + [b"0"] * (_QUAD - len(parts))
        image = _dots(in_network(self._move, _number(padded), 8 * len(parts), _BITS)).split(b".")[: len(parts)]
        text = b".".join(reversed(image)) + b"."
        return None if text == buffer[start:end] else Swap(start, end, text, RULE)


def _stands_alone(buffer: bytes, start: int, end: int) -> bool:
    """Whether neither a longer number nor a name goes on at its ends."""
    if start and buffer[start - 1] in edges.WORD and not edges.begins(buffer, start):
        return False
    if end >= len(buffer):
        return True
    after = buffer[end]
    if after in edges.WORD:
        return False
    if after != _DOT or not _EXTENDS.match(buffer, end):
        return True
    return bool(_PORT.match(buffer, end) or _WILDCARD_DNS.match(buffer, end))


def _leading_dots(buffer: bytes, start: int, at: int, end: int) -> int:
    """How many dots to pass over: those of an ellipsis; a single one joins numbers to a word, but for wildcard DNS."""
    count = at - start - len(buffer[start:at].lstrip(b"."))
    return count if count > 1 or _WILDCARD_DNS.match(buffer, end) else 0


def _number(parts: list[bytes]) -> int:
    first, second, third, fourth = parts
    return _OCTETS[first] << 24 | _OCTETS[second] << 16 | _OCTETS[third] << 8 | _OCTETS[fourth]


def _dots(address: int) -> bytes:
    return b"%d.%d.%d.%d" % (address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255)


_DOT: Final = ord(".")
