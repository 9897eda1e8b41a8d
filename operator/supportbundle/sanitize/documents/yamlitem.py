"""One stretch of YAML that parses by itself: a document, or whole items of one.

libyaml says where each scalar lies; only those bytes are edited, so comments, order, anchors and quoting stay. The
result is parsed again: what no longer parses never leaves.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

import yaml

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize.context import Context
from supportbundle.sanitize.edits import Edit, covers, resolve
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.markers import is_marker, marker
from supportbundle.sanitize.unicode import from_single_bytes, to_single_bytes

from .cursor import Cursor, Touch
from .structure import Level, Place, Walker

_PROPERTIES: Final = re.compile(r"(?:[&!][^\s]*\s+)*")
_ANCHOR: Final = re.compile(r"&[^\s]+\s+")
_UNPRINTABLE: Final = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")
_PLAIN: Final = re.compile(r"(?!.*(?:: |\s#|:$))[A-Za-z0-9/<][^\n\r\t\"'{}\[\],]*(?<! )")
_BLOCK_HEADER: Final = re.compile(r"[|>][^\n]*\n")
_ODD_BREAKS: Final = re.compile("[\x85\u2028\u2029]")
"""YAML 1.1 ends lines here too; what lies between is not where its line says."""
_LOADER: Final = yaml.CSafeLoader


class _NoStructure(Exception):
    """The text is one plain scalar, as any prose is to YAML."""


def edits(
    context: Context, unit: bytes, hits: list[Hit], levels: Sequence[Level] = (), count: int = 0
) -> list[Edit] | None:
    """The resolved edits of `unit` (byte positions), or None if it is no YAML.

    `levels` are what the unit goes on with; `count` items of its list came before.

    Raises:
        Unsanitizable: if the edited text would not parse, or an alias would lose its anchor.
    """
    try:
        text, single = unit.decode(), False
    except UnicodeDecodeError:
        text, single = from_single_bytes(unit), True
    positions = _Positions(text, unit)
    touches = [Touch.of(hit)._replace(start=positions.char(hit.start), end=positions.char(hit.end)) for hit in hits]
    walk = _Walk(context, text, touches, Cursor(touches))
    objects = any(hit.kind is Kind.SECRET_OBJECT for hit in hits)
    walker = Walker(context.core, walk.replace, objects=objects, levels=levels)
    try:
        walk.run(walker, count)
    except (yaml.YAMLError, _NoStructure):
        return None
    resolved = resolve(walk.found())
    known = [touch for touch, hit in zip(touches, hits, strict=True) if hit.kind is Kind.KNOWN]
    if not covers(resolved, [(touch.start, touch.end) for touch in known]):
        return None  # it stands in a tag, or in an anchor's name
    if not resolved:
        return []
    _check(_applied(text, resolved))
    if single:
        return [edit._replace(text=to_single_bytes(edit.text)) for edit in resolved]
    return positions.to_bytes(resolved)


def _applied(text: str, chosen: list[Edit]) -> str:
    parts: list[str] = []
    position = 0
    for edit in chosen:
        parts += (text[position : edit.start], edit.text.decode("utf-8", "surrogateescape"))
        position = edit.end
    return "".join([*parts, text[position:]])


def _check(text: str) -> None:
    try:
        for _ in yaml.parse(text, Loader=_LOADER):
            pass
    except yaml.YAMLError as error:
        raise Unsanitizable("the sanitized YAML does not parse any more.", "Report the file's structure.") from error


class _Positions:
    """Translates growing positions between a text and its UTF-8 bytes."""

    def __init__(self, text: str, unit: bytes) -> None:
        self._text = text
        self._unit = unit
        self._ascii = len(text) == len(unit)
        self._at = (0, 0)

    def char(self, position: int) -> int:
        """The character that holds byte `position`."""
        if self._ascii:
            return position
        byte, char = self._at if position >= self._at[0] else (0, 0)
        char += len(self._unit[byte:position].decode("utf-8", "ignore"))
        self._at = (position, char)
        return char

    def to_bytes(self, chosen: list[Edit]) -> list[Edit]:
        """Edits by characters as edits by bytes."""
        if self._ascii:
            return chosen
        out: list[Edit] = []
        char = byte = 0
        for edit in chosen:
            start = byte + len(self._text[char : edit.start].encode())
            end = start + len(self._text[edit.start : edit.end].encode())
            out.append(edit._replace(start=start, end=end))
            char, byte = edit.end, end
        return out


@dataclass(slots=True)
class _Walk:
    """One pass over the events of a text; `touches` are hits in characters, in order."""

    context: Context
    text: str
    touches: list[Touch]
    cursor: Cursor
    chosen: list[Edit] = field(default_factory=list)
    seen: list[tuple[int, int]] = field(default_factory=list)
    anchors: dict[str, tuple[int, int, bool]] = field(default_factory=dict)
    aliases: list[str] = field(default_factory=list)
    uses: list[tuple[int, int, tuple[int, int, bool] | None]] = field(default_factory=list)
    """Where an alias stands as a value, and what it stood for there."""
    last_scalar: int = 0

    def run(self, walker: Walker, count: int) -> None:
        """Collect the edits; yaml.YAMLError if the text does not parse. `count` is for the outermost list."""
        turns: list[bool | None] = []  # for each open mapping whether a key comes next, None for a list
        for event in yaml.parse(self.text, Loader=_LOADER):
            start, end = _span(event)
            is_key = bool(turns and turns[-1])
            if not turns and isinstance(event, yaml.ScalarEvent) and event.value:
                raise _NoStructure
            match event:
                case yaml.ScalarEvent():
                    self._scalar(walker, event, start, end, is_key=is_key)
                case yaml.AliasEvent():
                    self._alias(walker, event.anchor or "", start, end, is_key=is_key)
                case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                    self._open(walker, event, start, is_key=is_key, count=0 if turns else count)
                    turns.append(True if isinstance(event, yaml.MappingStartEvent) else None)
                    continue
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    turns.pop()
                    self.last_scalar = max(self.last_scalar, end) if end > start else self.last_scalar
                    walker.close(end if end > start else self.last_scalar)
                case _:
                    continue
            if turns and turns[-1] is not None:
                turns[-1] = not turns[-1]

    def _open(self, walker: Walker, event: yaml.CollectionStartEvent, start: int, *, is_key: bool, count: int) -> None:
        if event.anchor is not None:
            self.anchors[event.anchor] = (start, _span(event)[1], False)
        if is_key:
            walker.key(b"")
        walker.open(start, mapping=isinstance(event, yaml.MappingStartEvent), count=count)

    def _scalar(self, walker: Walker, event: yaml.ScalarEvent, start: int, end: int, *, is_key: bool) -> None:
        self.last_scalar = max(self.last_scalar, end)
        if event.anchor is not None:
            self.anchors[event.anchor] = (start, end, True)
        value = event.value.encode("utf-8", "surrogatepass")
        if start == end:
            if is_key:
                walker.key(b"")
            else:
                walker.scalar(start, end, b"", string=False)
            return
        self.seen.append((start, end))
        self.cursor.enter(start)
        if is_key:
            walker.key(value)
            if self.cursor.holds(end):
                self._inside(event, start, end, value)
            return
        string = not event.implicit[0] or not _bare_word(event.value)
        if not walker.scalar(start, end, value, string=string) and self.cursor.touched(start, end):
            self._inside(event, start, end, value)
            self._insist(start, end, value)

    def _insist(self, start: int, end: int, value: bytes) -> None:
        """Replace the whole value where a regular expression's match is left of it: it may begin in another one."""
        edit = self.chosen[-1] if self.chosen and self.chosen[-1].start == start else None
        left = edit.text.decode("utf-8", "surrogateescape") if edit else self.text[start:end]
        if is_marker(value):
            return
        for rule, low, high in self.cursor.matches(start, end):
            piece = self.text[low:high].strip(" \n\"'")
            if piece and piece in left:
                self.replace(Place(start, end, rule))
                return

    def _alias(self, walker: Walker, name: str, start: int, end: int, *, is_key: bool) -> None:
        self.last_scalar = max(self.last_scalar, end)
        self.aliases.append(name)
        if is_key:
            walker.key(b"")
            return
        target = self.anchors.get(name)
        self.uses.append((start, end, target))
        walker.alias(start, end, single=target is None or target[2])

    def _follow(self) -> None:
        """A secret given by an alias stands at its anchor; an alias that is the whole value then stays."""
        spans = sorted((edit for edit in self.chosen if edit.rules), key=lambda edit: (edit.start, -edit.end))
        starts = [edit.start for edit in spans]
        reached = list(accumulate((edit.end for edit in spans), max))
        for start, end, target in self.uses:
            index = bisect_right(starts, start) - 1
            if index < 0 or reached[index] < end:
                continue
            if target is None or not target[2]:
                raise Unsanitizable("a secret is given by an alias to something that is no plain value.")
            self.replace(Place(target[0], target[1], spans[index].rules[0]))
        alone = {use[:2] for use in self.uses}
        self.chosen = [edit for edit in self.chosen if (edit.start, edit.end) not in alone]

    def replace(self, place: Place) -> None:
        """Write what stands for a value, with its anchor."""
        raw = self.text[place.start : place.end]
        properties = _PROPERTIES.match(raw)
        head = "".join(_ANCHOR.findall(properties.group())) if properties else ""
        body = raw[properties.end() :] if properties else raw
        clean = marker(place.rule)
        if place.value is not None:
            clean = self.context.core.replacement(place.rule, place.value)
        quoted = _flow(clean.decode("utf-8", "surrogatepass"), "'" if body[:1] == "'" else '"')
        tail = "\n" if raw.endswith("\n") else ""
        self.chosen.append(Edit(place.start, place.end, f"{head}{quoted}{tail}".encode(), (place.rule,)))

    def _inside(self, event: yaml.ScalarEvent, start: int, end: int, value: bytes) -> None:
        """A text in a scalar, written back in the scalar's own style where it can be."""
        raw = self.text[start:end]
        properties = _PROPERTIES.match(raw)
        head = properties.group() if properties else ""
        block = event.style in {"|", ">"}
        if block and not _ODD_BREAKS.search(raw):
            new = self._block(raw[len(head) :])
        else:
            clean, rules = self.context.inside(value)
            if clean == value:
                return
            tail = "\n" if block and raw.endswith("\n") else ""
            new = (_flow(clean.decode("utf-8", "surrogatepass"), '"' if block else event.style) + tail, rules)
        if new is not None:
            self.chosen.append(Edit(start, end, (head + new[0]).encode("utf-8", "surrogatepass"), new[1]))

    def _block(self, raw: str) -> tuple[str, tuple[str, ...]] | None:
        header = _BLOCK_HEADER.match(raw)
        if header is None:
            return None
        lines = raw[header.end() :].split("\n")
        indent = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip(" ")), default=0)
        content = "\n".join(line[indent:] for line in lines).encode()
        clean, rules = self.context.inside(content)
        if clean == content:
            return None
        if content.endswith(b"\n") and not clean.endswith(b"\n"):
            clean += b"\n"
        back = [" " * indent + line if line else line for line in clean.decode().split("\n")]
        return header.group() + "\n".join(back), rules

    def found(self) -> Iterator[Edit]:
        """All edits, with those of the comments."""
        if self.uses:
            self._follow()
        lost = [
            name
            for name in self.aliases
            if (at := self.anchors.get(name)) and any(edit.start < at[0] and at[1] <= edit.end for edit in self.chosen)
        ]
        if lost:
            raise Unsanitizable("a secret holds an anchor that is used elsewhere.")
        yield from self.chosen
        yield from self._comments()

    def _comments(self) -> Iterator[Edit]:
        """Hits outside of every scalar lie in comments, which are running text."""
        spans = iter(self.seen)
        span = next(spans, None)
        done = 0
        for low, high, *_ in self.touches:
            while span is not None and span[1] <= low:
                span = next(spans, None)
            if low < done or (span is not None and span[0] < high):
                continue
            line = self.text.rfind("\n", 0, low) + 1
            stop = self.text.find("\n", low)
            stop = len(self.text) if stop < 0 else stop
            start = self.text.find("#", line, low)
            if start < 0:
                continue
            done = stop
            clean, rules = self.context.inside(self.text[start:stop].encode())
            if rules:
                yield Edit(start, stop, clean, rules)


def _span(event: yaml.Event) -> tuple[int, int]:
    """Where the event lies; libyaml always says so."""
    return (event.start_mark.index if event.start_mark else 0, event.end_mark.index if event.end_mark else 0)


def _bare_word(value: str) -> bool:
    """Whether a plain scalar is a number, a boolean or null rather than a text."""
    return re.fullmatch(r"[-+.\d][\d_.eExXoO+-]*|true|false|null|~|yes|no|on|off", value, re.IGNORECASE) is not None


def _flow(text: str, style: str | None) -> str:
    if not style and _PLAIN.fullmatch(text):
        return text
    if style == "'" and "\n" not in text and not _UNPRINTABLE.search(text):
        return "'" + text.replace("'", "''") + "'"
    written = json.dumps(text, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda match: f"\\u{ord(match.group()):04x}", written)
