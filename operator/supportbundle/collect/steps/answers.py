"""Answers that expressions read: as JSON in memory, and how much memory that is before it is taken.

Up to eight tasks run at once in a pod of 512 MiB, and each may hold answers. Three bytes of a hostile document can
become sixty, so what counts is not how long an answer is but what it becomes.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
from pydantic import JsonValue

from supportbundle.errors import SupportBundleError, TooLarge

ROOM = 32 << 20
"""Bytes of memory for all answers of a task that later steps read, as they are once parsed."""

_OBJECT, _LIST, _ITEM, _TEXT = 240, 72, 40, 64
_WIDEST = 4
"""Bytes of a character in memory where a text holds some outside of ASCII."""


class NotJSON(SupportBundleError):
    """An answer that expressions cannot read."""

    reason = "NotJSON"


class Room:
    """Memory that is left to a task."""

    def __init__(self, size: int = ROOM) -> None:
        self.left = size

    def require(self, size: int) -> None:
        """Whether so many bytes may be held for a moment.

        Raises:
            TooLarge: there are not so many left.
        """
        if size > self.left:
            raise TooLarge(
                f"It takes {size >> 20} MiB of memory, and {self.left >> 20} MiB are left to this collector.",
                "Ask for less, for example by the request's query; or write it without value, indent and format.",
            )

    def take(self, size: int) -> None:
        """Hold so many bytes from now on.

        Raises:
            TooLarge: there are not so many left.
        """
        self.require(size)
        self.left -= size


async def whole(body: AsyncIterator[bytes], limit: int) -> bytes:
    """All of a body.

    Raises:
        TooLarge: it is longer than `limit`.
    """
    read = bytearray()
    async for chunk in body:
        if len(read) + len(chunk) > limit:
            raise TooLarge(
                f"The answer is longer than the {limit:,} bytes that may be read.",
                f"Ask for less, or raise maxBytes; at most {ROOM >> 20} MiB are held in memory.",
            )
        read += chunk
    return bytes(read)


def parsed(raw: bytes) -> JsonValue:
    """The document; whole numbers of more than 64 bits become floating ones.

    Raises:
        NotJSON: it is none.
    """
    try:
        found: JsonValue = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise NotJSON(
            "The answer is no JSON, which expressions need.", "Write it without value, indent and format."
        ) from error
    return found


def memory(raw: bytes) -> int:
    """About how many bytes a document takes once it is parsed; rather too many.

    Documents inside texts, such as lines of a log, are no documents: outside of a text no brace and no comma stands
    before a backslash.
    """
    objects = raw.count(b"{") - raw.count(b'{\\"')
    lists = raw.count(b"[")
    items = raw.count(b",") - raw.count(b',\\"') + objects + lists
    texts = (raw.count(b'"') - raw.count(b'\\"') + raw.count(b'\\\\"')) // 2
    characters = len(raw) * (1 if raw.isascii() else _WIDEST)
    return characters + _OBJECT * objects + _LIST * lists + _ITEM * items + _TEXT * texts
