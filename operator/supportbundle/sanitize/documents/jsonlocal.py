"""Hits of a JSON document resolved where they stand, without walking the document around them.

Quotes prove a lot: in JSON a name right before an unescaped quote and a colon is a key, whatever lies around it, and
what holds letters between two unescaped quotes is a string. Where that is not enough, nothing is said, and the walk of
the whole document in `jsonitem.py` decides; both give the same edits.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.sanitize.context import Context
from supportbundle.sanitize.core import Core
from supportbundle.sanitize.edits import Edit, resolve
from supportbundle.sanitize.find.scan import Hit
from supportbundle.sanitize.find.triggers import Kind
from supportbundle.sanitize.rules.harmless import is_harmless
from supportbundle.sanitize.rules.keys import SecretKey
from supportbundle.sanitize.rules.records import PatternRule

from .jsonstring import decoded, inside, written

_STRING: Final = rb'"[^"\\]*+(?>(?:\\.[^"\\]*+)*)"'
_SCALAR: Final = rb"(?:(?P<string>" + _STRING + rb")|(?P<word>[\w.+\-]++)(?=[\s,}\]]))"
_TOKEN: Final = re.compile(_STRING, re.DOTALL)
_KEY_VALUE: Final = re.compile(rb'"[\w.\- ]++"\s*+:\s*+' + _SCALAR, re.DOTALL)
_PAIR: Final = re.compile(rb'"(?:[nN][aA][mM][eE]|[kK][eE][yY])"\s*+:\s*+("[^"\\]*+")')
_FLAT: Final = re.compile(
    rb'\{\s*+(?>(?:"[^"\\]*+"\s*+:\s*+(?:"[^"\\]*+"|[\w.+\-]++)\s*+(?:,\s*+|(?=\})))*)\}',
)
_MEMBER: Final = re.compile(rb'"([^"\\]*+)"\s*+:\s*+("[^"\\]*+"|[\w.+\-]++)')
_KEY_FOLLOWS: Final = re.compile(rb"\s*+:")
_NO_STRING: Final = frozenset(b" \t\r\n,:}]")
"""How the gap between two strings begins."""
_NEAR: Final = 512
"""How far before a pair's name its object may begin."""
_WALKED: Final = frozenset({Kind.SECRET_OBJECT, Kind.PATH, Kind.REGEX})


class _Unclear(Exception):
    """Only a walk of the document can tell."""


def edits(context: Context, buffer: bytes, start: int, end: int, hits: list[Hit]) -> list[Edit] | None:
    """The resolved edits for `hits` of the JSON in buffer[start:end]; None if a walk has to tell."""
    if context.core.paths.root:
        return None
    found: list[Edit] = []
    low = high = start
    try:
        for hit in hits:
            # What stands in a key's name is not gone with the value.
            if not low <= hit.start < high:
                edit, low, high = _look(context, buffer, start, end, hit)
                found += edit
    except _Unclear:
        return None
    return resolve(found)


def _look(context: Context, buffer: bytes, start: int, end: int, hit: Hit) -> tuple[list[Edit], int, int]:
    """The edits for one hit, and where other hits are covered by them."""
    if hit.kind in _WALKED:
        raise _Unclear
    text = buffer[hit.start : hit.end]
    if b'"' not in text.replace(b'\\"', b""):
        return _string(context, buffer, start, end, hit)
    if hit.kind is Kind.PATTERN and b"\\" not in text:
        if isinstance(hit.rule, PatternRule) and hit.rule.name == "password-option":
            raise _Unclear  # a program, whose arguments the walk knows
        _within_unescaped(buffer, start, end, hit)
        return [], 0, 0
    if b"\\" in text or not _opens(buffer, hit.start - 1, start):
        raise _Unclear
    if hit.kind is Kind.KEY and isinstance(hit.rule, SecretKey):
        match = _KEY_VALUE.match(buffer, hit.start - 1, end)
        if match is None or match.end() <= hit.end:
            raise _Unclear
        low, high = match.span("string" if match["string"] else "word")
        found = _replaced(context.core, hit.rule, buffer, low, high)
        return found, low, high if found else low
    if hit.kind is Kind.PAIR:
        return _pair(context.core, buffer, start, end, hit), 0, 0
    raise _Unclear


def _within_unescaped(buffer: bytes, start: int, end: int, hit: Hit) -> None:
    """A form of running text that reaches over several tokens (`"password", "x"`) says nothing about a document.

    What stands in one of the tokens has hits of its own, unless escapes hide it.

    Raises:
        _Unclear: if there are escapes.
    """
    low = max(start, buffer.rfind(b'"', start, hit.start))
    high = buffer.find(b'"', hit.end, end)
    if b"\\" in buffer[low : high if high >= 0 else end]:
        raise _Unclear


def _opens(buffer: bytes, at: int, start: int) -> bool:
    """Whether an unescaped quote stands at `at`."""
    return at >= start and buffer[at] == _QUOTE and (at == start or buffer[at - 1] != _BACKSLASH)


def _replaced(core: Core, key: SecretKey, buffer: bytes, low: int, high: int) -> list[Edit]:
    token = buffer[low:high]
    value = decoded(token) if token[:1] == b'"' else token
    if is_harmless(value, key, document=True) or not core.accepts(key, value):
        return []
    return [Edit(low, high, written(token, core.replacement(key.rule.name, value)), (key.rule.name,))]


def _pair(core: Core, buffer: bytes, start: int, end: int, hit: Hit) -> list[Edit]:
    """`{"name": "DB_PASSWORD", "value": "x"}`: an object without others inside it."""
    if _PAIR.match(buffer, hit.start - 1, end) is None:
        raise _Unclear
    brace = buffer.rfind(b"{", max(start, hit.start - _NEAR), hit.start)
    flat = _FLAT.match(buffer, brace, end) if brace >= 0 else None
    if flat is None or flat.end() < hit.end:
        raise _Unclear
    members = [(each.group(1).lower(), *each.span(2)) for each in _MEMBER.finditer(buffer, brace, flat.end())]
    keys = [key for name, low, high in members if name in _PAIR_NAMES and (key := _named(core, buffer[low:high]))]
    spans = [(low, high) for name, low, high in members if name == b"value"]
    if not keys or not spans:
        return []
    if len(spans) > 1 or len(keys) > 1 or spans[0][0] < hit.start:
        raise _Unclear
    return _replaced(core, keys[0], buffer, *spans[0])


def _named(core: Core, token: bytes) -> SecretKey | None:
    return core.scanner.paired(token[1:-1] if token[:1] == b'"' else token)


def _string(context: Context, buffer: bytes, start: int, end: int, hit: Hit) -> tuple[list[Edit], int, int]:
    """What was seen inside a string that is a value."""
    quote = buffer.rfind(b'"', start, hit.start)
    while quote > start and buffer[quote - 1] == _BACKSLASH:
        before = buffer[max(start, quote - _ESCAPES) : quote]
        run = len(before) - len(before.rstrip(b"\\"))
        if run == _ESCAPES:
            raise _Unclear
        if run % 2 == 0:
            break
        quote = buffer.rfind(b'"', start, quote)
    token = _TOKEN.match(buffer, quote, end) if quote >= start else None
    if token is None or token.end() <= hit.end or buffer[quote + 1] in _NO_STRING:
        raise _Unclear
    if _KEY_FOLLOWS.match(buffer, token.end(), end):
        raise _Unclear
    return inside(context, token.group(), decoded(token.group()), quote), quote, token.end()


_QUOTE: Final = ord('"')
_BACKSLASH: Final = ord("\\")
_ESCAPES: Final = 64
_PAIR_NAMES: Final = frozenset({b"name", b"key"})
