"""Pseudonyms of names: a word that says what it stands for, and looks like nothing else.

`host-` or `user-` or `mail-` and the name enciphered as one block, in 32 characters. The block holds check bits, so a
word that merely looks like one is not taken for one, and it is padded, so that its length tells little of the name's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from .permute import Prf, WideBlock

_ALPHABET: Final = b"0123456789bcdfghjklmnpqrstuvwxyz"
"""Without a, e, i and o: tokens spell no key names such as pass or token, at which other rules would look twice."""
TOKEN: Final = rb"[0-9b-df-hj-np-z]{16,320}"
_VALUES: Final = {byte: index for index, byte in enumerate(_ALPHABET)}
_SIZES: Final = (10, 20, 30, 50, 100, 200)
"""Bytes of a block; each is a whole number of groups of five, so the text has no padding of its own."""
_PACKED: Final = b"\0\0\0"
_RAW: Final = b"\0\0\1"
_CHECK: Final = len(_PACKED)
_LETTERS: Final = b"abcdefghijklmnopqrstuvwxyz0123456789-_.+'"
_DIGITS: Final = {byte: index + 1 for index, byte in enumerate(_LETTERS)}
_BASE: Final = len(_LETTERS) + 1
MAX_NAME: Final = 197
"""Bytes of a name that fit into the largest block in either form; of the usual letters 290 do."""


class Tokens:
    """The pseudonyms of one kind of name."""

    def __init__(self, key: bytes, kind: str) -> None:
        self._cipher = WideBlock(Prf(key, f"name {kind}"))
        self.prefix: Final = f"{kind}-".encode()
        self._form = re.compile(re.escape(self.prefix) + b"(" + TOKEN + b")")

    def of(self, name: bytes) -> bytes:
        """The pseudonym of a name that fits (see MAX_NAME); case is not kept."""
        return self.prefix + _text(self._cipher.forward(_block(name.lower())))

    def name(self, pseudonym: bytes) -> bytes | None:
        """The name behind a pseudonym; None if it is none that this key has made."""
        found = self._form.fullmatch(pseudonym)
        block = _bytes(found.group(1)) if found else None
        return None if block is None else _named(self._cipher.backward(block))

    def __contains__(self, word: bytes) -> bool:
        """Whether this key has made the word."""
        return word.startswith(self.prefix) and self.name(word) is not None


class Made:
    """What Tokens of several kinds have made: a name of no kind, whatever stands around it."""

    def __init__(self, kinds: Iterable[Tokens]) -> None:
        self._kinds = tuple(kinds)
        prefixes = b"|".join(re.escape(tokens.prefix) for tokens in self._kinds)
        self._form = re.compile(b"(?:" + prefixes + b")" + TOKEN)

    def __contains__(self, name: bytes) -> bool:
        """Whether the name, or one of its labels between dots, is such a pseudonym."""
        if self._form.search(name) is None:
            return False
        return any(label in tokens for label in name.split(b".") for tokens in self._kinds)


def _block(name: bytes) -> bytes:
    """Check bits and the name: as a number in base 42 if its letters are the usual ones, else as it is."""
    if all(byte in _DIGITS for byte in name):
        number = 0
        for byte in name:
            number = number * _BASE + _DIGITS[byte]
        need = -(-number.bit_length() // 8)
        size = _size(need)
        return _PACKED + number.to_bytes(size - _CHECK, "big")
    size = _size(len(name))
    return _RAW + name.ljust(size - _CHECK, b"\0")


def _size(need: int) -> int:
    return next(size for size in _SIZES if size - _CHECK >= need)


def _named(block: bytes) -> bytes | None:
    check, body = block[:_CHECK], block[_CHECK:]
    if check == _RAW:
        name = body.rstrip(b"\0")
        return name if name and _block(name) == block else None
    if check != _PACKED:
        return None
    number = int.from_bytes(body, "big")
    out = bytearray()
    while number:
        number, digit = divmod(number, _BASE)
        if digit == 0:
            return None
        out.append(_LETTERS[digit - 1])
    name = bytes(reversed(out))
    return name if name and _block(name) == block else None


def _text(block: bytes) -> bytes:
    number = int.from_bytes(block, "big")
    length = len(block) * 8 // 5
    return bytes(_ALPHABET[number >> 5 * place & 31] for place in reversed(range(length)))


def _bytes(text: bytes) -> bytes | None:
    size = len(text) * 5 // 8
    if size not in _SIZES or size * 8 != len(text) * 5:
        return None
    number = 0
    for byte in text:
        number = number << 5 | _VALUES[byte]
    return number.to_bytes(size, "big")
