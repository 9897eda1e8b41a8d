"""MAC addresses in text: 52:54:00:12:34:56, 52-54-00-12-34-56 and 5254.0012.3456."""

from __future__ import annotations

import re
from typing import Final

from . import edges
from .addresses import Map
from .finding import CASELESS, Swap, Trigger

RULE: Final = "pseudonym-mac"
_CACHED: Final = 1 << 15
_FORMS: Final = (
    re.compile(rb"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}"),
    re.compile(rb"[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5}"),
    re.compile(rb"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}"),
)
_LETTER: Final = re.compile(rb"[A-Fa-f]")
_LENGTHS: Final = (17, 17, 14)
_SHAPES: Final = ((2, b":"), (2, b"-"), (4, b"."))
_MORE: Final = tuple(
    (re.compile(rb"(?<![0-9A-Za-z])" + group + mark + rb"\Z"), re.compile(mark + group + rb"(?![0-9A-Za-z])"))
    for group, mark in (
        (rb"[0-9A-Fa-f]{2}", rb":"),
        (rb"[0-9A-Fa-f]{2}", rb"-"),
        (rb"[0-9A-Fa-f]{4}", rb"\."),
    )
)
"""One more group on either side."""


class Macs:
    """Finds and maps them; shared by threads."""

    triggers: Final = (
        Trigger(rb"[0-9a-f]{2}(?::[0-9a-f]{2}){5}", CASELESS),
        Trigger(rb"[0-9a-f]{2}(?:-[0-9a-f]{2}){5}", CASELESS),
        Trigger(rb"[0-9a-f]{4}\.[0-9a-f]{4}\.[0-9a-f]{4}", CASELESS),
    )

    def __init__(self, move: Map) -> None:
        self._move = move
        self._cache: dict[bytes, bytes] = {}

    def find(self, buffer: bytes, at: int, number: int) -> Swap | None:
        """See Finder. More groups on either side make it a digest or something longer."""
        start = at - _LENGTHS[number]
        if start < 0 or not _FORMS[number].fullmatch(buffer, start, at):
            return None
        if not _alone(buffer, start, at, number):
            return None
        text = buffer[start:at]
        if text not in self._cache:
            if len(self._cache) >= _CACHED:
                self._cache.clear()
            self._cache[text] = self._image(text, number)
        image = self._cache[text]
        return None if image == text else Swap(start, at, image, RULE)

    def _image(self, text: bytes, number: int) -> bytes:
        """In the form of the original. Digits alone with dashes or dots may be dates or amounts, so they stay.

        An image without letters is written with colons, where digits alone are enough to know it again.
        """
        if number and not _LETTER.search(text):
            return text
        digits = text.translate(None, b":-.")
        image = b"%012x" % self._move(int(digits, 16))
        if digits != digits.lower():
            image = image.upper()
        width, separator = _SHAPES[number if _LETTER.search(image) else 0]
        return separator.join(image[index : index + width] for index in range(0, len(image), width))


def _alone(buffer: bytes, start: int, end: int, number: int) -> bool:
    if not edges.begins(buffer, start) or not edges.ends(buffer, end):
        return False
    before, behind = _MORE[number]
    return not before.search(buffer, max(0, start - 6), start) and not behind.match(buffer, end)
