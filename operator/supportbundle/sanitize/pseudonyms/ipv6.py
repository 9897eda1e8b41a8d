"""IPv6 addresses in text, in any spelling; only those of ranges that are in use, so that `a::b` stays a name.

An address that ends in dotted IPv4 is left to `ipv4`, unless it begins like one of its own.
"""

from __future__ import annotations

import re
import socket
from typing import Final

from . import edges
from .addresses import Map, in_network
from .finding import CASELESS, Swap, Trigger
from .ipv4 import RULE

_CACHED: Final = 1 << 15
_FIRST: Final = rb"(?:[23][0-9a-f]{3}|f[cd][0-9a-f]{2}|fe[89ab][0-9a-f])"
"""First groups of global, unique local and link-local addresses: always four digits."""
_RUN: Final = re.compile(rb"(?i)" + _FIRST + rb":[0-9a-f:]{1,36}(?:(?<=[0-9])(?:\.[0-9]{1,3}){3})?")
_MAPPED: Final = re.compile(rb"(?i)(?:::|(?:0{1,4}:){5})ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})(?![0-9a-f:.])")
_LENGTH: Final = re.compile(rb"/(12[0-8]|1[01][0-9]|[1-9]?[0-9])(?![0-9])")
_NIBBLES: Final = re.compile(rb"(?i)((?:[0-9a-f]\.){1,32})\Z")
_BITS: Final = 128
_GROUPS: Final = 8
_FULL: Final = 39
_REACH: Final = 72
_RUN4, _WHOLE, _HEX4, _LONG4, _ARPA = range(5)


class IPv6:
    """Finds and maps them; shared by threads. With `short` all are written compressed, else like the one they replace.

    An image that happens to have no zeros looks the same in both forms, so going back takes the usual one.
    """

    triggers: Final = (
        Trigger(_FIRST + rb":(?:[0-9a-f]{1,4}:){0,6}:", CASELESS),
        Trigger(_FIRST + rb":(?:[0-9a-f]{1,4}:){6}[0-9a-f]", CASELESS),
        Trigger(rb"::ffff:[0-9a-f]{1,4}:[0-9a-f]", CASELESS),
        Trigger(rb"(?:0{1,4}:){5}ffff:[0-9a-f]{1,4}:[0-9a-f]", CASELESS),
        Trigger(rb"[0-9a-f]\.ip6\.arpa", CASELESS),
    )

    def __init__(self, move: Map, *, short: bool = False) -> None:
        self._move = move
        self._short = short
        self._cache: dict[bytes, bytes | None] = {}

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """See Finder."""
        if number == _ARPA:
            return self._reverse(buffer, at)
        if number in {_HEX4, _LONG4}:
            return self._mapped(buffer, at)
        for found in _RUN.finditer(buffer, max(0, at - _REACH), min(len(buffer), at + _REACH)):
            if found.start() < at <= found.end() and (swap := self._run(buffer, found.start(), found.end())):
                return swap
        return None

    def _run(self, buffer: bytes, start: int, end: int) -> Swap | None:
        if buffer[end - 1] == _COLON and buffer[end - 2] != _COLON:
            end -= 1
        if not edges.begins(buffer, start) or buffer[start - 1 : start] == b"." or not edges.ends(buffer, end):
            return None
        text = buffer[start:end]
        key = text
        if found := _LENGTH.match(buffer, end):
            key += found.group()
        if key not in self._cache:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[key] = self._image(text, int(found.group(1)) if found else _BITS)
        image = self._cache[key]
        return None if image is None or image == text else Swap(start, end, image, RULE)

    def _image(self, text: bytes, length: int) -> bytes | None:
        address = _parsed(text)
        if address is None:
            return None
        like = text.replace(b":", b"") if self._short else text
        return _written(in_network(self._move, address, length, _BITS), like=like)

    def _mapped(self, buffer: bytes, at: int) -> Swap | None:
        """An IPv4 address in the last two groups, in hexadecimal."""
        for found in _MAPPED.finditer(buffer, max(0, at - _REACH), min(len(buffer), at + _REACH)):
            if found.start() < at <= found.end() and edges.begins(buffer, found.start()):
                address = 0xFFFF << 32 | int(found.group(1), 16) << 16 | int(found.group(2), 16)
                image = self._move(address)
                text = b"%x:%x" % (image >> 16 & 0xFFFF, image & 0xFFFF)
                start = found.start(1)
                return None if image == address else Swap(start, found.end(), text, RULE)
        return None

    def _reverse(self, buffer: bytes, at: int) -> Swap | None:
        """A name in reverse DNS; one of fewer than 32 digits stands for a network."""
        end = at - len(b"ip6.arpa")
        low = max(0, end - _REACH)
        start = low + len(buffer[low:end].rstrip(b"0123456789abcdefABCDEF."))
        found = _NIBBLES.fullmatch(buffer, start, end)
        if found is None or not edges.begins(buffer, start):
            return None
        digits = found.group(1).replace(b".", b"")[::-1]
        address = int(digits.ljust(_BITS // 4, b"0"), 16)
        image = b"%032x" % in_network(self._move, address, 4 * len(digits), _BITS)
        text = b"".join(b"%c." % digit for digit in reversed(image[: len(digits)]))
        return None if text == found.group(1).lower() else Swap(start, end, text, RULE)


def _parsed(text: bytes) -> int | None:
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET6, text.decode()), "big")
    except (OSError, UnicodeDecodeError):
        return None


def _written(address: int, *, like: bytes) -> bytes:
    """Compressed, or in full where the model is; in capitals where the model is."""
    packed = address.to_bytes(_BITS // 8, "big")
    if len(like) == _FULL and like.count(b":") == _GROUPS - 1:
        text = packed.hex(":", 2).encode()
    else:
        text = socket.inet_ntop(socket.AF_INET6, packed).encode()
    return text.upper() if like != like.lower() else text


_COLON: Final = ord(":")
