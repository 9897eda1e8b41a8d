"""Hits of YAML resolved on their own lines, without parsing the unit around them.

Only the plainest forms are: `key: value` on one line, and a name with its `value` beside it as Kubernetes' tools write
them, in a unit that holds no block scalars, anchors or tags. What is written instead is a plain word, or stands between
the quotes that were there, so that the structure stays whatever surrounds it. All else is left to `yamlitem.py`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from supportbundle.sanitize.core import Core
from supportbundle.sanitize.edits import Edit, resolve
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.markers import marker
from supportbundle.sanitize.rules.harmless import is_harmless
from supportbundle.sanitize.rules.keys import SecretKey

_VALUE: Final = (
    rb"(?P<value>[\w./+=$@~^<][\w./+=$@~^!%*&()<>;?|,\-]*+(?>(?::[\w./+=$@~^!%*&()<>;?|,\-]++)*)"
    rb"|\"(?P<double>[^\"\\\n]*+)\"|'(?P<single>[^'\n]*+)')"
)
_LINE: Final = re.compile(
    rb"(?P<lead> *+(?>(?:- ++)*))(?P<key>[\w.\-]++|\"[\w.\-]++\"|'[\w.\-]++'): ++" + _VALUE + rb"\r?\n"
)
_NAME: Final = re.compile(rb" *+(?>(?:- ++)*)[\"']?(?P<key>[\w.\-/]++)[\"']?:(?=\s)")
_LEAD: Final = re.compile(rb" *+(?>(?:- ++)*)")
_EMPTY: Final = re.compile(rb"[ \t]*+(?:#[^\n]*+)?\r?\n")
_ODD: Final = re.compile(
    rb"[|>][+\-\d]{0,2}[ \t]*+(?:#[^\n]*+)?\r?\n|[:\-] ++[&*!]|\? |[{\[]\s*+\n"
    # a flow mapping over several lines
    rb"|,[ \t]*+\r?\n|\n[ \t]*+[,}\]]"
)
_ODD_SIGNS: Final = (b"|", b">", b"&", b"*", b"!", b"?", b"{", b"[", b",", b"}", b"]")
_MOST_LINES: Final = 64
"""How far a name's sibling may be."""
_PAIR_NAMES: Final = frozenset({b"name", b"key"})


class _Unclear(Exception):
    """Only a parser can tell."""


def edits(core: Core, unit: bytes, hits: list[Hit]) -> list[Edit] | None:
    """The resolved edits for `hits` of a unit that ends with a line break; None if a parser has to tell."""
    if core.paths.root or core.keep_shape or not unit.endswith(b"\n") or _is_odd(unit):
        return None
    try:
        return resolve([edit for hit in hits for edit in _look(core, unit, hit)])
    except _Unclear:
        return None


def _is_odd(unit: bytes) -> bool:
    return b"\t" in unit or (any(sign in unit for sign in _ODD_SIGNS) and _ODD.search(unit) is not None)


def _look(core: Core, unit: bytes, hit: Hit) -> Iterator[Edit]:
    start = unit.rfind(b"\n", 0, hit.start) + 1
    line = _LINE.match(unit, start)
    if line is None or not isinstance(hit.rule, SecretKey) or hit.start > line.end("key"):
        raise _Unclear
    column = line.end("lead") - start
    if not _ends(unit, line.end(), column):
        raise _Unclear
    if hit.kind is Kind.KEY and hit.end <= line.start("value") and hit.start <= line.end("lead") + 1:
        yield from _replaced(core, hit.rule, line)
    elif hit.kind is Kind.PAIR and column and line["key"].strip(b"\"'").lower() in _PAIR_NAMES:
        key = core.scanner.paired(_content(line))
        if key is None:
            return
        values = list(_values_beside(unit, start, line.end(), column))
        if not values:
            raise _Unclear  # where the indentation is broken, it may yet be near
        for value in values:
            yield from _replaced(core, key, value)
    else:
        raise _Unclear


def _content(line: re.Match[bytes]) -> bytes:
    for style in ("double", "single"):
        if line[style] is not None:
            return line[style]
    return line["value"]


def _replaced(core: Core, key: SecretKey, line: re.Match[bytes]) -> Iterator[Edit]:
    value = _content(line)
    if is_harmless(value, key, document=True) or not core.accepts(key, value):
        return
    name = key.rule.name
    low, high = line.span("value")
    quote = line["value"][:1] if value is not line["value"] and line["value"][:1] in {b'"', b"'"} else b""
    yield Edit(low, high, quote + marker(name) + quote, (name,))


def _ends(unit: bytes, position: int, column: int) -> bool:
    """Whether the value before `position` does not go on: what follows begins no deeper than its key's column."""
    while empty := _EMPTY.match(unit, position):
        position = empty.end()
    indent = len(unit[position : position + column + 1]) - len(unit[position : position + column + 1].lstrip(b" "))
    return position == len(unit) or indent <= column


def _values_beside(unit: bytes, start: int, end: int, column: int) -> Iterator[re.Match[bytes]]:
    """The lines `value: …` of the mapping whose keys stand in `column`, around the line unit[start:end]."""
    for line in (*_before(unit, start, column), *_after(unit, end, column)):
        name = _NAME.match(unit, line)
        if name is None:
            raise _Unclear
        if name["key"].lower() == b"value":
            value = _LINE.match(unit, line)
            if value is None or not _ends(unit, value.end(), column):
                raise _Unclear
            yield value


def _after(unit: bytes, position: int, column: int) -> Iterator[int]:
    """Where the keys of the mapping begin whose lines come next."""
    for _ in range(_MOST_LINES):
        if empty := _EMPTY.match(unit, position):
            position = empty.end()
            continue
        if position >= len(unit):
            return
        stop = unit.find(b"\n", position) + 1
        lead = _LEAD.match(unit, position, stop)
        indent = stop - position - len(unit[position:stop].lstrip(b" "))
        if lead is None or indent < column:
            return
        if lead.end() - position == column == indent:
            yield position
        position = stop
    raise _Unclear


def _before(unit: bytes, position: int, column: int) -> Iterator[int]:
    """The same for the lines above; the first key of a list's item stands behind its dash."""
    if unit[position : position + column].strip(b" "):
        return  # this line has the dash
    for _ in range(_MOST_LINES):
        if position == 0:
            return
        position = unit.rfind(b"\n", 0, position - 1) + 1
        if _EMPTY.match(unit, position):
            continue
        lead = _LEAD.match(unit, position)
        reach = lead.end() - position if lead else 0
        spaces = len(unit[position : position + column + 1]) - len(unit[position : position + column + 1].lstrip(b" "))
        if reach == column:
            yield position
        if spaces < column:
            return
    raise _Unclear
