"""Keyed permutations: what the key shuffles, the key and nothing else puts back.

Every pseudonym is the image of its value under one of these, so nothing has to be stored to find the value again, and
collectors that never meet agree.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

from supportbundle.errors import Invalid

KEY_BYTES: Final = 32
_VERSION: Final = b"supportbundle pseudonyms 1 "
_ROUNDS: Final = 10
"""Luby and Rackoff need four rounds of a perfect function; small blocks get more, as in FF1 (NIST SP 800-38G)."""
_DIGEST: Final = 32
_BLOCK: Final = 64
_INNER: Final = bytes(byte ^ 0x36 for byte in range(256))
_OUTER: Final = bytes(byte ^ 0x5C for byte in range(256))


class Prf:
    """A pseudorandom function (HMAC-SHA256) for one purpose, under a key of its own."""

    def __init__(self, key: bytes, purpose: str) -> None:
        """Derive the key of `purpose`.

        Raises:
            Invalid: if `key` has another length than KEY_BYTES.
        """
        if len(key) != KEY_BYTES:
            raise Invalid(
                f"The key of pseudonyms has {len(key)} bytes and not {KEY_BYTES}.", "Make one of 32 random bytes."
            )
        own = hmac.digest(key, _VERSION + purpose.encode(), "sha256").ljust(_BLOCK, b"\0")
        # HMAC (RFC 2104) with both hashes begun once; the library begins them anew, at several times the cost.
        self._inner = hashlib.sha256(own.translate(_INNER))
        self._outer = hashlib.sha256(own.translate(_OUTER))

    def __call__(self, message: bytes) -> bytes:
        """32 bytes."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()

    def long(self, message: bytes, length: int) -> bytes:
        """`length` bytes."""
        if length <= _DIGEST:
            return self(message)[:length]
        blocks = -(-length // _DIGEST)
        return b"".join(self(bytes([number]) + message) for number in range(blocks))[:length]


class WideBlock:
    """A permutation of blocks of any even length: a balanced Feistel network over the whole block."""

    def __init__(self, prf: Prf) -> None:
        self._prf = prf

    def forward(self, block: bytes) -> bytes:
        """The image of `block`, of the same length."""
        half = len(block) // 2
        left, right = block[:half], block[half:]
        for number in range(_ROUNDS):
            left, right = right, _xor(left, self._round(number, right))
        return left + right

    def backward(self, block: bytes) -> bytes:
        """The block whose image this is."""
        half = len(block) // 2
        left, right = block[:half], block[half:]
        for number in reversed(range(_ROUNDS)):
            left, right = _xor(right, self._round(number, left)), left
        return left + right

    def _round(self, number: int, half: bytes) -> bytes:
        return self._prf.long(bytes([number, len(half)]) + half, len(half))


class SmallBlock:
    """A permutation of the integers of 2 * `half` bits, another one for each `tweak`."""

    def __init__(self, prf: Prf, half: int) -> None:
        self._prf = prf
        self._half = half
        self._mask = (1 << half) - 1

    def forward(self, value: int, tweak: int) -> int:
        """The image of `value`."""
        left, right = value >> self._half, value & self._mask
        for number in range(_ROUNDS):
            left, right = right, left ^ self._round(number, tweak, right)
        return left << self._half | right

    def backward(self, value: int, tweak: int) -> int:
        """The value whose image this is."""
        left, right = value >> self._half, value & self._mask
        for number in reversed(range(_ROUNDS)):
            left, right = right ^ self._round(number, tweak, left), left
        return left << self._half | right

    def _round(self, number: int, tweak: int, half: int) -> int:
        return int.from_bytes(self._prf(bytes([number, tweak]) + half.to_bytes(8, "big"))[:8], "big") & self._mask


def _xor(one: bytes, other: bytes) -> bytes:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).to_bytes(len(one), "big")
