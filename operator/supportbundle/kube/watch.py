"""Reading a watch: one line of JSON a change, most of which nobody wants.

A namespace may hold thousands of pods that change all the time and of which nothing need be known, so each line is
looked at as bytes first and only parsed if it is wanted. Nothing is kept between lines.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Final

import orjson

from supportbundle.errors import Expired, TooLarge, Unavailable
from supportbundle.kube.api import Json

WATCH_IDLE_SECONDS: Final = 150.0
"""Bookmarks come about once a minute, so a watch that is silent for longer has lost its server."""
MAX_LINE: Final = 8 << 20
"""Bytes; etcd holds no object of more than 1.5 MiB by default."""
_GONE: Final = 410
_BOOKMARK: Final = b'"type":"BOOKMARK"'
_ERROR: Final = b'"type":"ERROR"'


async def changes(body: AsyncIterator[bytes], wanted: Callable[[bytes], bool]) -> AsyncIterator[tuple[str, Json]]:
    """Type and object of each change that is wanted, and of each bookmark.

    Raises:
        Expired: the server has forgotten the version from which the watch was to go on.
        TooLarge: a line is longer than `MAX_LINE`.
        Unavailable: the server reports another error, or sends something else than changes.
    """
    async for line in _lines(body):
        special = _BOOKMARK in line or _ERROR in line
        if not special and not wanted(line):
            continue
        try:
            change = orjson.loads(line)
            kind, obj = change["type"], change["object"]
        except (orjson.JSONDecodeError, KeyError, TypeError) as error:
            raise Unavailable("A watch was answered with something else than changes.") from error
        if kind == "ERROR":
            message = str(obj.get("message", ""))[:700] if isinstance(obj, dict) else ""
            gone = isinstance(obj, dict) and obj.get("code") == _GONE
            raise (Expired if gone else Unavailable)(f"The watch has ended: {message}")
        yield kind, obj


async def _lines(body: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Whole lines; the last one counts only with its end."""
    rest: list[bytes] = []
    held = 0
    async for chunk in body:
        first, *more = chunk.split(b"\n")
        rest.append(first)
        held += len(first)
        if held > MAX_LINE:
            raise TooLarge(f"A change is larger than {MAX_LINE >> 20} MiB.")
        if not more:
            continue
        for line in (b"".join(rest), *more[:-1]):
            if line:
                yield line
        rest, held = [more[-1]], len(more[-1])
