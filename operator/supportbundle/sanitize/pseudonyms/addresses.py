"""IP and MAC addresses as integers: permutations that keep what a reader of a network needs.

IP addresses: two that share their first n bits have pseudonyms that share their first n bits and no more, after the
idea of Crypto-PAn (Xu, Fan, Ammar and Moon, 2002): bit i is flipped or not by a keyed function of the bits before it.
No bit is flipped on the way into a special range, so private addresses stay private; inside of some nothing is flipped
at all. Such a map is inverted by the same walk.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import Final, NamedTuple

from .permute import Prf, SmallBlock

Map = Callable[[int], int]


class _Range(NamedTuple):
    network: int
    length: int
    fixed: bool


def _ranges(*, fixed: tuple[str, ...], kept: tuple[str, ...]) -> tuple[_Range, ...]:
    networks = [(ipaddress.ip_network(text), True) for text in fixed]
    networks += [(ipaddress.ip_network(text), False) for text in kept]
    return tuple(_Range(int(network.network_address), network.prefixlen, is_fixed) for network, is_fixed in networks)


_RANGES4: Final = _ranges(
    # "this host", loopback, link-local with the clouds' metadata, multicast, reserved with netmasks and broadcast
    fixed=("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"),
    kept=("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"),
)
_EMBEDDED: Final = (0, 0xFFFF, 0x64FF9B << 64)
"""The first 96 bits of IPv6 addresses whose other 32 are an IPv4 address: compatible, mapped, and NAT64 (RFC 6052)."""
_RANGES6: Final = _ranges(
    fixed=("ff00::/8",),
    kept=("2000::/3", "fc00::/7", "fe80::/10", "fe80::/64", "::/96", "::ffff:0:0/96", "64:ff9b::/96"),
)
_PRIVATE4: Final = tuple(each for each in _RANGES4 if not each.fixed)
_BYTE: Final = 8
_BITS4: Final = 32
_FIRST4: Final = 24
_PRIVATE_FIRST: Final = frozenset(each.network >> _FIRST4 for each in _PRIVATE4)
"""No private range goes beyond a first octet."""
_BITS6: Final = 128
_LOW32: Final = 0xFFFFFFFF
_OCTET: Final = 0xFF
_OCTETS: Final = tuple(bytes([number]) for number in range(256))
_REMEMBERED: Final = 1 << 16
_Head = tuple[int, bytes, bytes]
_UNSEEN: Final = (-1, b"", b"")
_MAC_HALF: Final = 23
_LOW40: Final = (1 << 40) - 1
_ALL46: Final = (1 << 46) - 1
_FLAGS: Final = 3
"""The bits "multicast" and "locally administered" of a MAC's first octet."""


def is_private4(address: int) -> bool:
    """Whether it lies in one of the private ranges, which are mapped into themselves."""
    if address >> _FIRST4 not in _PRIVATE_FIRST:
        return False
    return any(address >> (_BITS4 - each.length) == each.network >> (_BITS4 - each.length) for each in _PRIVATE4)


class _Tree:
    """The walk over the bits of an address, from the first to the last.

    What the first octets become is remembered: as many of them as decide how many bits stay, which is dear to find out.
    """

    def __init__(self, prf: Prf, bits: int, ranges: tuple[_Range, ...], *, back: bool) -> None:
        self._prf = prf
        self._bits = bits
        self._ranges = ranges
        self._octet = _backward if back else _forward
        self._back = back
        # Beyond these octets a range only goes on.
        self._head = max(2, *(-(-each.length // _BYTE) for each in ranges))
        self._tail = bits - self._head * _BYTE
        self._heads: dict[int, _Head | None] = {}
        self._near = [b""] * 256
        self._root = prf(b"")
        first = bits - _BYTE
        special = {each.network >> first for each in ranges if each.length > _BYTE}
        self._kept_below = [None if octet in special else self._kept(octet << first) for octet in range(256)]

    def walk(self, value: int) -> int:
        """The image of an address, or the address whose image `value` is."""
        head = value >> self._tail
        known = self._heads.get(head, _UNSEEN)
        if known is _UNSEEN:
            if len(self._heads) >= _REMEMBERED:
                self._heads.clear()
            known = self._heads[head] = self._walked(value)
        if known is None:
            return value
        out, plain, flips = known
        shift = self._tail
        while shift:
            shift -= _BYTE
            octet = value >> shift & _OCTET
            image = self._octet(octet, flips, 0)
            out = out << _BYTE | image
            if shift:
                plain += _OCTETS[image if self._back else octet]
                flips = self._prf(plain)
        return out

    def _walked(self, value: int) -> _Head | None:
        """The image of the first octets, these in clear, and the flips of the next; None if the whole address stays."""
        kept = self._kept_below[value >> self._bits - _BYTE]
        if kept is None:
            kept = self._kept(value)
        if kept == self._bits:
            return None
        out, plain = 0, b""
        for index in range(self._head):
            octet = value >> (self._bits - _BYTE * (index + 1)) & _OCTET
            here = kept - index * _BYTE
            image = octet if here >= _BYTE else self._octet(octet, self._flips(plain), max(0, here))
            plain += _OCTETS[image if self._back else octet]
            out = out << _BYTE | image
        return out, plain, self._prf(plain)

    def _flips(self, plain: bytes) -> bytes:
        """Remembered for the first two octets."""
        if len(plain) > 1:
            return self._prf(plain)
        if not plain:
            return self._root
        flips = self._near[plain[0]]
        if not flips:
            flips = self._near[plain[0]] = self._prf(plain)
        return flips

    def _kept(self, value: int) -> int:
        """How many leading bits stay: those that lead towards a special range, or all of them.

        They are the same for an address and its image, for the image agrees in just these bits.
        """
        kept = 0
        for network, length, fixed in self._ranges:
            common = self._bits - (value ^ network).bit_length()
            if common >= length and fixed:
                return self._bits
            kept = max(kept, min(common + 1, length))
        return kept


def _forward(octet: int, flips: bytes, kept: int) -> int:
    """The octet with its bits flipped as one call of the function tells for all 255 nodes: its bit n is that of node n.

    The node of a bit is 1 and the bits before it; the first `kept` bits stay.
    """
    path = 256 | octet
    mask = (
        (flips[0] & 2) << 6
        | (flips[path >> 10] >> (path >> 7 & 7) & 1) << 6
        | (flips[path >> 9] >> (path >> 6 & 7) & 1) << 5
        | (flips[path >> 8] >> (path >> 5 & 7) & 1) << 4
        | (flips[path >> 7] >> (path >> 4 & 7) & 1) << 3
        | (flips[path >> 6] >> (path >> 3 & 7) & 1) << 2
        | (flips[path >> 5] >> (path >> 2 & 7) & 1) << 1
        | flips[path >> 4] >> (path >> 1 & 7) & 1
    )
    return octet ^ (mask & _OCTET >> kept)


def _backward(octet: int, flips: bytes, kept: int) -> int:
    """The octet that `_forward` maps to this one."""
    node = 1
    for depth in range(_BYTE):
        bit = octet >> (_BYTE - 1 - depth) & 1
        node = node << 1 | bit ^ (flips[node >> 3] >> (node & 7) & 1 if depth >= kept else 0)
    return node & _OCTET


class Addresses:
    """The three maps in one direction."""

    def __init__(self, key: bytes, *, back: bool = False) -> None:
        self.back: Final = back
        self._tree4 = _Tree(Prf(key, "ipv4"), _BITS4, _RANGES4, back=back)
        self._tree6 = _Tree(Prf(key, "ipv6"), _BITS6, _RANGES6, back=back)
        self._macs = SmallBlock(Prf(key, "mac"), _MAC_HALF)

    def ipv4(self, address: int) -> int:
        """The image of an IPv4 address."""
        return self._tree4.walk(address)

    def ipv6(self, address: int) -> int:
        """The image of an IPv6 address; one that embeds an IPv4 address goes with it."""
        upper = address >> _BITS4
        if upper in _EMBEDDED:
            return upper << _BITS4 | self.ipv4(address & _LOW32)
        return self._tree6.walk(address)

    def mac(self, address: int) -> int:
        """The image of a MAC address of 48 bits: its two flags stay, and so do all zeros and all ones."""
        flags = address >> 40 & _FLAGS
        fixed = {0: 0, _FLAGS: _ALL46}.get(flags, -1)
        value = address >> 42 << 40 | address & _LOW40
        if value == fixed:
            return address
        move = self._macs.backward if self.back else self._macs.forward
        image = move(value, flags)
        if image == fixed:  # walk on along the cycle: the fixed value's own image is free
            image = move(image, flags)
        return (image >> 40) << 42 | flags << 40 | image & _LOW40


def in_network(move: Map, address: int, length: int, bits: int) -> int:
    """The image of an address that is written with a prefix length, so that a network's name maps to a network's name.

    A map of single addresses takes the network's own address (all host bits zero) to just any of the network. Here the
    two addresses that this concerns change places; all others have the image that they have alone.
    """
    host = (1 << (bits - length)) - 1
    image = move(address)
    if address & host == 0:
        return image & ~host
    return move(address & ~host) if image & host == 0 else image
