"""XML: the text of elements, CDATA, attributes, names given in attributes or in elements beside the value.

Replacements are written with entities, so that the document stays well-formed. Elements are followed leniently: what
closes in the wrong order ends the reading as XML.
"""

from __future__ import annotations

import re
from typing import Final

from supportbundle.sanitize.text.dialect import LOG, Dialect

from .outline import Outline
from .structure import VALUES

_NAME: Final = rb"[A-Za-z_:\x80-\xff][\w:.\-\x80-\xff]*+"
_ATTRIBUTES: Final = rb"""(?>(?:\s++[^\s=<>/"']++(?:\s*+=\s*+(?:"[^"]*+"|'[^']*+'))?)*)"""
_CDATA: Final = rb"<!\[CDATA\[(?>(?:[^\]]++|\](?!\]>))*)\]\]>"
_COMMENT: Final = rb"<!--(?>(?:[^\-]++|-(?!->))*)-->"
_TOKEN: Final = re.compile(
    rb"(?P<text>[^<]++)|(?P<comment>" + _COMMENT + rb")|(?P<cdata>" + _CDATA + rb")"
    rb"|(?P<instruction><\?(?>(?:[^?]++|\?(?!>))*)\?>)|(?P<doctype><!DOCTYPE[^\[>]*+(?:\[[^\]]*+\]\s*+)?>)"
    rb"|</(?P<close>" + _NAME + rb")\s*+>"
    rb"|<(?P<open>" + _NAME + rb")(?P<attributes>" + _ATTRIBUTES + rb")\s*+(?P<alone>/?)>"
)
_CONTENT: Final = re.compile(
    rb"(?P<content>(?>(?:[^<]++|" + _CDATA + rb"|" + _COMMENT + rb")*))</(?P<name>" + _NAME + rb")\s*+>"
)
_PIECE: Final = re.compile(
    rb"(?P<text>[^<]++)|<!\[CDATA\[(?P<cdata>(?>(?:[^\]]++|\](?!\]>))*))\]\]>|(?P<comment>" + _COMMENT + rb")"
)
_ATTRIBUTE: Final = re.compile(rb"""([^\s=<>/"']++)(?:\s*+=\s*+(?:"([^"]*+)"|'([^']*+)'))?""")
_ENTITY: Final = re.compile(rb"""<!ENTITY\s+(?:%\s+)?([^\s"'>]+)\s+["']([^"']*)["']""")
_START: Final = re.compile(rb"\s*<(?!redacted:)(?:\?xml\s|!--|!DOCTYPE\s|" + _NAME + rb"[\s/>])")
_REFERENCE: Final = re.compile(rb"&(?:(lt|gt|amp|quot|apos)|#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|[\w:.\-]+);")
_NAMED: Final = {b"lt": b"<", b"gt": b">", b"amp": b"&", b"quot": b'"', b"apos": b"'"}
_KEPT: Final = b"\x01"
"""Stands for the ampersand of a reference that is kept as it is; no XML text holds this character."""
_ASCII: Final = 0x80
_DESCRIBES: Final = re.compile(
    rb"(?:.*[:\-._])?(?:xmlns|\w*(?:name|type|class|id|ref|href|src|version|encoding|format|key|lang|style|scheme|enabled|space))"
    rb"|xmlns:.*",
    re.IGNORECASE,
)
"""Attributes that say what an element is, also of one that is secret."""
_KIND_OF_PAIR: Final = rb"(?:(?:param|parameter|property|prop|entry|env-entry|env|setting|option|attribute)[\-_.]?)?"
_PAIR_NAME: Final = re.compile(_KIND_OF_PAIR + rb"(name|key)", re.IGNORECASE)
_PAIR_VALUE: Final = re.compile(_KIND_OF_PAIR + rb"value", re.IGNORECASE)


def is_xml(head: bytes, _path: str, *, whole: bool) -> bool:
    """Whether the text is elements, with nothing but space around them."""
    if not _START.match(head):
        return False
    position = ended = 0
    inside: list[bytes] = []
    while token := _TOKEN.match(head, position):
        if token.lastgroup == "text" and not inside and token.group().strip():
            return False
        change = _change(token)
        if change > 0:
            inside.append(token.group("open"))
        elif change < 0 and (not inside or inside.pop() != token.group("close")):
            return False
        ended += change < 0 or bool(token.group("alone"))
        position = token.end()
    return ended > 0 and (not whole or (position == len(head) and not inside))


class Xml:
    """The grammar of XML; see Grammar."""

    dialect: Dialect = LOG
    values: frozenset[bytes] = VALUES

    def cut(self, buffer: bytes) -> int:
        """See Grammar: after the last of the outermost elements that end."""
        depth = best = position = 0
        shallow: int | None = None
        while token := _TOKEN.match(buffer, position):
            position = token.end()
            depth += _change(token)
            if _completes(token) and (shallow is None or depth <= shallow):
                best, shallow = position, depth
        return best

    def follow(self, outline: Outline | None, buffer: bytes, start: int) -> int:
        """See Grammar."""
        if outline is None:
            return len(buffer)
        keys: list[bytes] = []
        while token := _TOKEN.match(buffer, start):
            end = _report(outline, buffer, token, keys)
            if end is None:
                break
            start = end
        return start


def _completes(token: re.Match[bytes]) -> bool:
    """Whether an element ends that belongs to none beside it, as a name and a value belong together."""
    name = _local(token.group("close") or b"")
    return bool(token.group("alone") or name) and not (_PAIR_NAME.fullmatch(name) or _PAIR_VALUE.fullmatch(name))


def _change(token: re.Match[bytes]) -> int:
    if token.group("close") is not None:
        return -1
    return 1 if token.group("open") is not None and not token.group("alone") else 0


def _report(outline: Outline, buffer: bytes, token: re.Match[bytes], keys: list[bytes]) -> int | None:
    """Report one token, or a whole element without others in it; None if it closes what is not open.

    `keys` holds the text of a property list's last <key>, until the element after it takes it.
    """
    start, end = token.span()
    kind = token.lastgroup
    if token.group("close") is not None:
        if not outline.names or outline.names[-1] != _local(token.group("close")):
            return None
        outline.leave()
    elif token.group("open") is not None:
        return _element(outline, buffer, token, keys)
    elif kind in {"text", "cdata"}:
        _content(outline, outline.names[-1] if outline.names else b"", buffer, start, end)
    elif kind == "comment":
        outline.text(start + 4, end - 3)
    elif kind == "doctype":
        for entity in _ENTITY.finditer(buffer, start, end):
            outline.key(entity.group(1))
            outline.value(*entity.span(2), _decoded(entity.group(2)), _attribute)
    else:
        outline.text(start + 2, end - 2)
    return end


def _element(outline: Outline, buffer: bytes, token: re.Match[bytes], keys: list[bytes]) -> int:
    """The end of the tag, or of the element if there are no others in it."""
    tag = _local(token.group("open"))
    leaf = None if token.group("alone") else _CONTENT.match(buffer, token.end())
    if leaf is not None and _local(leaf.group("name")) != tag:
        leaf = None
    name = keys.pop() if keys else tag
    outline.enter(name if leaf is not None or token.group("alone") else tag)
    paired = _attributes(outline, buffer, token)
    if leaf is None:
        if token.group("alone"):
            outline.leave()
        return token.end()
    if paired:
        _content(outline, b"value", buffer, *leaf.span("content"))
        outline.leave()
        return leaf.end()
    outline.leave()
    if tag == b"key" and outline.names[-1:] == [b"dict"]:
        keys[:] = [_decoded(leaf.group("content")).strip()]
    elif found := _PAIR_NAME.fullmatch(name):
        name = found.group(1)
    elif _PAIR_VALUE.fullmatch(name):
        name = b"value"
    _content(outline, name, buffer, *leaf.span("content"))
    return leaf.end()


def _attributes(outline: Outline, buffer: bytes, token: re.Match[bytes]) -> bool:
    """Report the attributes; whether one of them names what the element holds."""
    paired = False
    for attribute in _ATTRIBUTE.finditer(buffer, *token.span("attributes")):
        number = 2 if attribute.group(2) is not None else 3
        value = attribute.group(number)
        if value is None:
            continue
        name = _local(attribute.group(1))
        paired = paired or name.lower() in {b"name", b"key"}
        outline.key(name)
        claimed = _DESCRIBES.fullmatch(attribute.group(1)) is None
        outline.value(*attribute.span(number), _decoded(value), _attribute, claimed=claimed)
    return paired


def _content(outline: Outline, key: bytes, buffer: bytes, start: int, end: int) -> None:
    """The text of an element: its first piece stands for all, comments between them stay."""
    pieces: list[tuple[int, int, bool]] = []
    comments: list[tuple[int, int]] = []
    values: list[bytes] = []
    rest: list[tuple[int, int]] = []
    for piece in _PIECE.finditer(buffer, start, end):
        raw = piece.group("cdata") is not None
        low, high = piece.span("cdata" if raw else "text")
        if piece.group("comment") is not None:
            comments.append((piece.start() + 4, piece.end() - 3))
        elif text := buffer[low:high].strip():
            low += buffer[low:high].index(text[:1])
            pieces.append((low, low + len(text), raw))
            values.append(text if raw else _decoded(text))
            rest.append(piece.span() if raw else (low, low + len(text)))
    if pieces:
        low, high, raw = pieces[0]
        outline.key(key)
        outline.value(low, high, b"".join(values), _cdata if raw else _escaped, rest=tuple(rest[1:]))
    for low, high in comments:
        outline.text(low, high)


def _local(name: bytes) -> bytes:
    return name.rpartition(b":")[2]


def _decoded(text: bytes) -> bytes:
    """The text with references to ASCII characters resolved; others are marked to come back as they were."""
    if b"&" not in text:
        return text
    return _REFERENCE.sub(_character, text.replace(_KEPT, b"")).replace(b"&" + _KEPT, _KEPT)


def _character(match: re.Match[bytes]) -> bytes:
    name, decimal, hexadecimal = match.groups()
    if name:
        return _NAMED[name]
    number = int(decimal or 0) or int(hexadecimal or b"0", 16)
    return bytes([number]) if 0 < number < _ASCII else b"&" + _KEPT + match.group()[1:]


def _escaped(text: bytes) -> bytes:
    out = text.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    return out.replace(_KEPT, b"&")


def _attribute(text: bytes) -> bytes:
    return _escaped(text).replace(b'"', b"&quot;").replace(b"'", b"&apos;").replace(b"\n", b"&#10;")


def _cdata(text: bytes) -> bytes:
    return text.replace(b"]]>", b"]]]]><![CDATA[>")
