"""What keeps a secret's shape and nothing else: its special characters, and of the rest the kind and a class of length.

So a parser that stumbled over the value stumbles over its replacement too.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST: Final = 1024
"""Bytes of a shape."""
_FEWEST: Final = 4
"""Letters and digits that a value has at least: a password of special characters would be shown nearly whole."""
_CONTROLS: Final = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xa8\xa9]")
"""In UTF-8, with the line breaks beyond ASCII that only some formats know."""
_ARMOUR: Final = b"-----"


def shape(value: bytes) -> bytes | None:
    """The shape of `value` (UTF-8, or any bytes), or None where it would tell too much, or is no single value.

    Capital letters become X, others x, digits 0; a run of them is drawn out to a length of 1, 2, 4, 8 and so on. The
    shape of a shape is itself.
    """
    if len(value) > 4 * LONGEST or _ARMOUR in value or b"<redacted:" in value or _CONTROLS.search(value):
        return None
    letters = [_letter(char) for char in value.decode("utf-8", "surrogateescape")]
    plain = sum(letter in _PLAIN for letter in letters)
    if plain < max(_FEWEST, len(letters) - plain):
        return None
    out: list[str] = []
    run: list[str] = []
    for letter in [*letters, ""]:
        if letter in _PLAIN:
            run.append(letter)
            continue
        out += _drawn(run)
        out.append(letter)
        run.clear()
    shaped = "".join(out).encode("utf-8", "surrogateescape")
    return shaped if len(shaped) <= LONGEST else None


_PLAIN: Final = frozenset("Xx0")


def _letter(char: str) -> str:
    if char.isdecimal():
        return "0"
    if char.isalpha():
        return "X" if char.isascii() and char.isupper() else "x"
    return char


def _drawn(run: list[str]) -> list[str]:
    """The run, its last repeated up to the next power of two."""
    if not run:
        return run
    length = 1 << (len(run) - 1).bit_length()
    return run + run[-1:] * (length - len(run))
