"""One stretch of JSON whose strings and brackets are whole: a document, a line of a log, a run of list items.

The bytes are edited in place: order, duplicate keys, number forms and white space stay as they were.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.context import Context
from supportbundle.sanitize.edits import Edit, covers, resolve
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.markers import is_marker, marker

from . import jsonlocal
from .cursor import Cursor, Touch
from .jsonstring import decoded, inside, written
from .structure import Level, Place, Walker

_TOKEN: Final = re.compile(rb'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"(\s*:)?|[{}\[\]]|[^\s{}\[\]",:]+', re.DOTALL)


class Around(NamedTuple):
    """Where a stretch stands.

    `fragment` says that objects around it began earlier or go on later; `levels` are those that began earlier, and
    `left_open` what is believed to go on later (see Walker.still_open), if that has to be checked.
    """

    fragment: bool = False
    levels: Sequence[Level] = ()
    left_open: tuple[int, ...] | None = None


WHOLE: Final = Around()


def edits(context: Context, buffer: bytes, start: int, end: int, around: Around = WHOLE) -> list[Edit]:
    """The resolved edits of buffer[start:end].

    Raises:
        Unsanitizable: if a Secret object is so large that its data and its kind are not seen together, or strings
            that hold brackets have led to a wrong belief.
    """
    core = context.core
    hits = core.scanner.scan(buffer, start, end, end)
    if not any(level.matters(core) for level in around.levels):
        local = jsonlocal.edits(context, buffer, start, end, hits) if hits else []
        if local is not None:
            return local
    return walked(context, buffer, start, end, hits, around)


def walked(
    context: Context, buffer: bytes, start: int, end: int, hits: list[Hit], around: Around = WHOLE
) -> list[Edit]:
    """As edits, by walking all of it.

    Raises:
        Unsanitizable: as edits.
    """
    core = context.core
    found: list[Edit] = []

    def replace(place: Place) -> None:
        if place.value is None:
            text = b'"' + marker(place.rule) + b'"'
        else:
            text = written(buffer[place.start : place.end], core.replacement(place.rule, place.value))
        found.append(Edit(place.start, place.end, text, (place.rule,)))

    objects = any(hit.kind is Kind.SECRET_OBJECT for hit in hits)
    walker = Walker(core, replace, objects=objects, levels=around.levels)
    inner = _walk(context, walker, buffer, start, end, hits)
    if around.fragment and (walker.foreign_secret_object or walker.open_secret_object):
        raise Unsanitizable(
            "a Secret object is larger than the window.", "Leave Secrets out of the collected resources."
        )
    if around.left_open is not None and walker.still_open != around.left_open:
        raise Unsanitizable("brackets in strings hide where a list ends.", "Collect the file without this document.")
    resolved = resolve(found + inner)
    if not covers(resolved, [(hit.start, hit.end) for hit in hits if hit.kind is Kind.KNOWN]):
        raise Unsanitizable("a value of a mounted Secret stands across the marks of a document.")
    return resolved


def _walk(context: Context, walker: Walker, buffer: bytes, start: int, end: int, hits: list[Hit]) -> list[Edit]:
    """Feed the walker; returns the edits inside values that are not replaced as a whole."""
    inner: list[Edit] = []
    cursor = Cursor([Touch.of(hit) for hit in hits])
    for match in _TOKEN.finditer(buffer, start, end):
        low, high = match.span()
        first = buffer[low]
        if first == _QUOTE:
            is_key = match.start(1) >= 0
            high = match.start(1) if is_key else high
            value = decoded(buffer[low:high])
            cursor.enter(low)
            if is_key:
                walker.key(value)
                if cursor.holds(high):
                    inner += inside(context, buffer[low:high], value, low)
            elif not walker.scalar(low, high, value, string=True) and cursor.touched(low, high):
                inner += _insisted(cursor, buffer, low, high, inside(context, buffer[low:high], value, low))
        elif first in b"{[":
            walker.open(low, mapping=first == _BRACE)
        elif first in b"}]":
            walker.close(high)
        elif not walker.scalar(low, high, match.group(), string=False):
            cursor.enter(low)
            if cursor.touched(low, high):
                found = _bare(context, match.group(), low) if cursor.holds(high) else []
                inner += _insisted(cursor, buffer, low, high, found)
    return inner


def _bare(context: Context, word: bytes, start: int) -> list[Edit]:
    """A number in which something was seen becomes a string."""
    clean, rules = context.inside(word)
    return [Edit(start, start + len(word), b'"' + clean + b'"', rules)] if rules else []


def _insisted(cursor: Cursor, buffer: bytes, low: int, high: int, found: list[Edit]) -> list[Edit]:
    """`found`, or the whole value replaced where a regular expression's match is left of it.

    An expression may match across keys and values, which no value shows by itself.
    """
    left = found[0].text if found else buffer[low:high]
    if not is_marker(left.strip(b'"')):
        for rule, start, end in cursor.matches(low, high):
            piece = buffer[start:end].strip(b'"')
            if piece and piece in left:
                return [Edit(low, high, b'"' + marker(rule) + b'"', (rule,))]
    return found


_QUOTE: Final = ord('"')
_BRACE: Final = ord("{")
