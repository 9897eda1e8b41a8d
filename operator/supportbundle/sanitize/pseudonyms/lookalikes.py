"""Four numbers with dots that are no address: versions of all sorts."""

from __future__ import annotations

import re
from typing import Final

_BEFORE: Final = 48
_SHORT: Final = 20
_CACHED: Final = 1 << 14
_DOUBTFUL: Final = frozenset(b":/-=^~")
"""Before a version one of these often says what it is; any other does not."""
_TAILS: Final = frozenset(b"-+~")
_LONGEST_KEY: Final = 10
_PUNCTUATION: Final = b" \t:=(\"'\\"
_KEYS: Final = (
    *(b"version", b"revision", b"firmware", b"section", b"ver", b"oid", b"identifier"),
    *(b"release", b"build", b"tag", b"chart", b"extension"),
)
_KEY: Final = re.compile(
    rb"""(?i:(?:version|revision|firmware|section|\bver|\boid|object ?identifier)"""
    rb"""\\?["']?[ \t]{0,2}[:=(]?[ \t]{0,2}\\?["']?"""
    rb"""|(?:release|build|\btag|chart|extension)\\?["']?[ \t]?[:=][ \t]?\\?["']?)\Z"""
)
_IMAGE: Final = re.compile(
    rb"""(?:[\w\-]/[\w.\-/]{1,60}|(?i:image\w{0,12})\\?["']?[ \t]?[:= ][ \t]?\\?["']?[\w.\-]{1,40}):\Z"""
)
_PRODUCT: Final = re.compile(rb"""(?:\A|[\s"'(;,])[A-Za-z][\w\-]{0,30}/\Z""")
_COMPARED: Final = re.compile(rb"(?:[=<>~!]=|[\^~])\Z")
_ADDRESS_WORD: Final = re.compile(
    rb"(?i:addr|address|ip|ips|ipv4|inet|host|hosts|server|client|remote|local|peer|src|dst|source|destination|from|to"
    rb"|node|pod|endpoint|gateway|gw|dns|nameserver|listen|bind|target|upstream|backend|dial|tcp|udp|proxy|via|router"
    rb"|by|for|on|at|is|of|and|subnet|network|forwarded)\Z"
)
_PACKAGE_TAIL: Final = re.compile(rb"[-+~](?:[A-Za-z]|[0-9]+[.\w]{0,20}(?:el|fc|amzn|ubuntu|deb))")
_NUMBER_END: Final = frozenset(b"0123456789")


def is_version(buffer: bytes, start: int, end: int, *, private: bool) -> bool:
    """Whether buffer[start:end], an address by its form, is a version by what stands around it.

    An address of a private range needs better proof, for hardly any version looks like one: only a key such as
    `version:` or an image's name before it.
    """
    if start == 0:
        return not private and _PACKAGE_TAIL.match(buffer, end) is not None
    low = max(0, start - _BEFORE)
    before = buffer[start - 1]
    if _follows_key(buffer, low, start):
        return True
    if before == _COLON and _IMAGE.search(buffer, max(0, start - 2 * _BEFORE), start):
        return True
    # Most addresses of a log end here.
    doubt = before in _DOUBTFUL or (end < len(buffer) and buffer[end] in _TAILS)
    return doubt and not private and _is_public_version(buffer, low, start, end)


_endings: dict[bytes, bool] = {}
"""Whether a key ends in these bytes: a log has few words before its addresses, and this is asked for each of them."""


def _follows_key(buffer: bytes, low: int, start: int) -> bool:
    ending = buffer[max(0, start - _SHORT) : start].rstrip(_PUNCTUATION)[-_LONGEST_KEY:]
    is_key = _endings.get(ending)
    if is_key is None:
        if len(_endings) >= _CACHED:
            _endings.clear()
        is_key = _endings[ending] = ending.lower().endswith(_KEYS)
    return is_key and _KEY.search(buffer, low, start) is not None


def _is_public_version(buffer: bytes, low: int, start: int, end: int) -> bool:
    if _PACKAGE_TAIL.match(buffer, end):
        return True
    match buffer[start - 1 : start]:
        case b":":
            word = buffer[low : start - 1]
            return word[-1:].isalpha() and not _ADDRESS_WORD.search(word)
        case b"/":
            return _PRODUCT.search(buffer, low, start) is not None and buffer[end : end + 1] != b":"
        case b"-":
            return buffer[start - 2] not in _NUMBER_END
        case b"=" | b"^" | b"~":
            return _COMPARED.search(buffer, low, start) is not None
        case _:
            return False


_COLON: Final = ord(":")
