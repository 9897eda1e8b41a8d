"""The edits of one unit of YAML: item by item where items stand for themselves, and parsed only where it must be.

libyaml's events cost a hundred times what the first look costs, so a list of a hundred objects is not parsed for the
three that hold something.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from supportbundle.sanitize.context import Context
from supportbundle.sanitize.edits import Edit
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind

from . import yamlitem, yamllocal
from .structure import Level

_BREAK: Final = re.compile(rb"\n(?=[^\s#\]}])")
_REFERENCE: Final = re.compile(rb"[&*](?<=[:\-,\[{\s][ \t][&*])|[&*](?<=[\[{,\n][&*])")
"""An anchor or an alias, which ties parts together."""
_TOGETHER: Final = frozenset({Kind.SECRET_OBJECT, Kind.PATH})
"""What concerns more than the item that it stands in."""


def edits(context: Context, unit: bytes, hits: list[Hit], levels: Sequence[Level], count: int) -> list[Edit] | None:
    """As yamlitem.edits."""
    core = context.core
    apart = hits and not any(level.below(core, mapping=False).matters(core) for level in levels)
    if apart and not any(hit.kind in _TOGETHER for hit in hits) and not _REFERENCE.search(unit):
        found = _apart(context, unit, hits)
        if found is not None:
            return found
    return yamlitem.edits(context, unit, hits, levels, count)


def _apart(context: Context, unit: bytes, hits: list[Hit]) -> list[Edit] | None:
    """The edits of all parts that hold something; None if one of them needs what is around it."""
    found: list[Edit] = []
    for start, end, inside in _parts(unit, hits):
        if any(hit.end > end for hit in inside):
            return None
        part = unit[start:end]
        moved = [hit._replace(start=hit.start - start, end=hit.end - start) for hit in inside]
        here = yamllocal.edits(context.core, part, moved)
        if here is None and part[:2] == b"- ":
            here = yamlitem.edits(context, part, moved)
        if here is None:
            return None
        found += [edit._replace(start=edit.start + start, end=edit.end + start) for edit in here]
    return found


def _parts(unit: bytes, hits: list[Hit]) -> Iterator[tuple[int, int, list[Hit]]]:
    """The parts between lines that begin in the first column, with their hits, those without left out."""
    start = number = 0
    while number < len(hits):
        stop = _BREAK.search(unit, hits[number].start)
        end = stop.end() if stop else len(unit)
        begin = max(unit.rfind(b"\n", start, hits[number].start) + 1, start)
        while begin > start and unit[begin : begin + 1] in _INDENT:
            begin = max(unit.rfind(b"\n", start, begin - 1) + 1, start)
        first = number
        while number < len(hits) and hits[number].start < end:
            number += 1
        yield begin, end, hits[first:number]
        start = end


_INDENT: Final = frozenset({b" ", b"\t", b"\n", b"\r", b"#", b"]", b"}"})
