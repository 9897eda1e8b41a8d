"""One stretch of JSON whose strings and brackets are whole: a document, a line of a log, a run of list items.

The bytes are edited in place: order, duplicate keys, number forms and white space stay as they were.
"""

from __future__ import annotations

import json
import re
from typing import Final

from supportbundle.errors import Unsanitizable

from .context import Context
from .edits import Edit, resolve
from .markers import marker
from .scan import Hit, Kind
from .structure import Place, Walker

_TOKEN: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*:)?|[{}\[\]]|[^\s{}\[\]",:]+', re.DOTALL)


def edits(context: Context, buffer: bytes, start: int, end: int, *, fragment: bool = False) -> list[Edit]:
    """The resolved edits of buffer[start:end]; `fragment` says that objects around it began earlier.

    Raises:
        Unsanitizable: if a Secret object is so large that its data was written before its kind was read.
    """
    hits = context.core.scanner.scan(buffer, start, end, end)
    if not hits:
        return []
    found: list[Edit] = []

    def replace(place: Place) -> None:
        found.append(Edit(place.start, place.end, b'"' + marker(place.rule) + b'"', (place.rule,)))

    objects = any(hit.kind is Kind.SECRET_OBJECT for hit in hits)
    walker = Walker(context.core, replace, objects=objects)
    inner = _walk(context, walker, buffer, start, end, hits)
    if fragment and walker.foreign_secret_object:
        raise Unsanitizable(
            "a Secret object is larger than the window.", "Leave Secrets out of the collected resources."
        )
    return resolve(found + inner)


def _walk(context: Context, walker: Walker, buffer: bytes, start: int, end: int, hits: list[Hit]) -> list[Edit]:
    """Feed the walker; returns the edits inside strings that are not replaced as a whole."""
    inner: list[Edit] = []
    pending = 0
    for match in _TOKEN.finditer(buffer, start, end):
        low, high = match.span()
        first = buffer[low]
        if first == _QUOTE:
            is_key = match.start(1) >= 0
            high = match.start(1) if is_key else high
            while pending < len(hits) and hits[pending].end <= low:
                pending += 1
            touched = pending < len(hits) and hits[pending].start < high
            value = _decoded(buffer[low:high])
            if is_key:
                walker.key(value)
                touched = touched and _reaches_into(hits, pending, low, high)
            elif walker.scalar(low, high, value, string=True):
                touched = False
            if touched:
                inner += _inside(context, buffer[low:high], value, low)
        elif first in b"{[":
            walker.open(low, mapping=first == _BRACE)
        elif first in b"}]":
            walker.close(high)
        else:
            walker.scalar(low, high, match.group(), string=False)
    return inner


def _reaches_into(hits: list[Hit], index: int, low: int, high: int) -> bool:
    """Whether anything but the key's own name was seen in the key."""
    while index < len(hits) and hits[index].start < high:
        if (
            hits[index].kind in {Kind.KNOWN, Kind.PATTERN, Kind.BLOCK}
            and hits[index].end <= high
            and hits[index].start >= low
        ):
            return True
        index += 1
    return False


def _decoded(token: bytes) -> bytes:
    """The string's content as UTF-8, or as it is written where its escapes are not JSON's."""
    if b"\\" not in token:
        return token[1:-1]
    text = _text(token)
    return token[1:-1] if text is None else text.encode("utf-8", "surrogatepass")


def _text(token: bytes) -> str | None:
    try:
        text: str = json.loads(token.decode("utf-8", "surrogateescape"), strict=False)
    except ValueError:
        return None
    return text


def _inside(context: Context, token: bytes, value: bytes, start: int) -> list[Edit]:
    """A text in a string, written back with the escapes that JSON needs."""
    clean, rules = context.inside(value)
    if clean == value:
        return []
    return [Edit(start, start + len(token), _written(token, clean), rules)]


def _written(token: bytes, clean: bytes) -> bytes:
    if b"\\" not in token or _text(token) is None:
        # Nothing was unescaped; a replacement holds nothing to escape.
        return b'"' + clean.replace(b'"', b"") + b'"' if b'"' in clean else b'"' + clean + b'"'
    text = clean.decode("utf-8", "surrogatepass")
    if not token.isascii():
        try:
            return json.dumps(text, ensure_ascii=False).encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            pass  # half a surrogate pair: only an escape can express it
    return json.dumps(text).encode()


_QUOTE: Final = ord('"')
_BRACE: Final = ord("{")
