"""HCL (https://github.com/hashicorp/hcl/blob/main/hclsyntax/spec.md), the language of Terraform and its relatives."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from supportbundle.sanitize.markers import is_marker
from supportbundle.sanitize.text.dialect import ENV, Dialect

from .outline import Broken, Outline

_SPACE: Final = re.compile(rb"[ \t\r]*")
_STRING: Final = (
    rb'"(?>(?:[^"\\\n$%]++|\\[^\n]|[$%](?!\{)|[$%]\{(?>(?:[^{}"\n]++|"(?>(?:[^"\\\n]|\\[^\n])*)"|\{[^{}\n]*+\})*)\})*)"'
)
_TOKEN: Final = re.compile(
    rb"(?P<space>[ \t\r]+)|(?P<newline>\n)"
    rb"|(?P<comment>(?:\#|//)[^\n]*|/\*(?>(?:[^*]++|\*(?!/))*)\*/)"
    rb"|(?P<heredoc><<-?(?P<mark>[A-Za-z_][\w\-.]*)\r?\n"
    rb"(?P<body>(?>(?:(?![ \t]*(?P=mark)[ \t]*\r?(?:\n|\Z))[^\n]*\n)*))"
    rb"[ \t]*(?P=mark)(?=[ \t]*\r?(?:\n|\Z)))"
    rb"|(?P<string>" + _STRING + rb")"
    rb"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<comma>,)"
    rb"|(?P<number>\d[\d.eE]*+(?![\w.]))|(?P<other>[A-Za-z_][\w\-]*|\.\.\.|=>|[=!<>]=|&&|\|\||[.:=<>?*/%+\-!&|\d])"
)
_ATTRIBUTE: Final = re.compile(rb"([A-Za-z_][\w\-]*)[ \t]*=(?![=>])[ \t]*")
_BLOCK: Final = re.compile(rb'([A-Za-z_][\w\-]*)((?:[ \t]+(?:"[^"\n]*"|[A-Za-z_][\w\-]*))*)[ \t]*\{')
_LABEL: Final = re.compile(rb'"([^"\n]*)"|([A-Za-z_][\w\-]*)')
_MEMBER: Final = re.compile(rb"(" + _STRING + rb"|\([^()\n]*\)|[\w.\-]+)[ \t]*(?:=(?![=>])|:)[ \t]*")
_ESCAPE: Final = re.compile(rb'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([nrt"\\]))')
_NAMED: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_INTERPOLATED: Final = re.compile(rb"[$%]\{[^}]*\}")
_MARKED: Final = re.compile(rb"sensitive[ \t]*=[ \t]*\(?[ \t]*\"?true\b")
_CALLED: Final = re.compile(rb'name[ \t]*=[ \t]*"([^"\n$%\\]{1,200})"[ \t]*\r?$', re.MULTILINE)
_HEREDOC: Final = re.compile(rb"<<-?[A-Za-z_][\w\-.]*\r?\n")
_LIKE_A_SECRET: Final = b"secret"
"""The name that a block's value has for the rules where the block only marks it as sensitive."""
_MAX_DEPTH: Final = 40
_CLOSES: Final = {b"(": b")", b"[": b"]", b"{": b"}"}


class _Token(NamedTuple):
    kind: str
    start: int
    end: int
    match: re.Match[bytes]


class Hcl:
    """The grammar of HCL; see Grammar."""

    dialect: Dialect = ENV
    values: frozenset[bytes] = frozenset({b"value", b"default"})

    def cut(self, buffer: bytes) -> int:
        """See Grammar: after the last attribute or block of the top level."""
        body = _Body(None, buffer)
        position = 0
        while position < len(buffer):
            try:
                following = body.statement(position)
            except Broken:
                break
            if following >= len(buffer):
                break
            position = following
        return position

    def follow(self, outline: Outline | None, buffer: bytes, start: int) -> int:
        """See Grammar."""
        body = _Body(outline, buffer)
        while start < len(buffer):
            try:
                start = body.statement(start)
            except Broken:
                break
        return start


class _Body:
    """A walk over the statements of a text, and over what is inside them."""

    def __init__(self, outline: Outline | None, buffer: bytes) -> None:
        self._outline = outline
        self._buffer = buffer
        self._facts: dict[int, list[bytes]] = {}
        """By where a block's content begins: what is said in it of its value, be it before the value or after."""

    def statement(self, start: int) -> int:
        """The end of the top-level statement, comment or empty line that begins at `start`.

        Raises:
            Broken: if there is none.
        """
        return self._statement(start, 0)

    def _token(self, position: int) -> _Token:
        match = _TOKEN.match(self._buffer, position)
        if match is None:
            raise Broken
        kind = next(name for name in _KINDS if match.group(name) is not None)
        if match.group() == b"<" and _HEREDOC.match(self._buffer, position):
            raise Broken  # without its end: what follows would each be searched to the end of the text
        return _Token(kind, match.start(), match.end(), match)

    def _statement(self, start: int, depth: int) -> int:
        buffer, outline = self._buffer, self._outline
        attribute = _ATTRIBUTE.match(buffer, start)
        if attribute:
            if outline is not None:
                outline.text(*attribute.span(1), key=True)
            return self._expression(attribute.group(1), attribute.end(), depth)
        block = _BLOCK.match(buffer, start)
        if block:
            return self._block(block, depth)
        token = self._token(start)
        if token.kind == "comment" and outline is not None:
            outline.text(token.start, token.end)
        if token.kind not in {"comment", "newline", "space"}:
            raise Broken
        return token.end

    def _block(self, block: re.Match[bytes], depth: int) -> int:
        if depth >= _MAX_DEPTH:
            raise Broken
        outline = self._outline
        labels = [label.group(1) or label.group(2) or b"" for label in _LABEL.finditer(block.group(2))]
        if outline is not None:
            outline.enter(block.group(1))
            outline.text(*block.span(2), key=True)
            if not depth:
                silent = _Body(None, self._buffer)
                silent._block(block, 0)
                self._facts = silent._facts
            for name in (*labels[-1:], *self._facts.get(block.end(), ())):
                outline.fact(b"name", name)
            if labels and labels[0].startswith(b"kubernetes_secret"):
                outline.fact(b"kind", b"Secret")
        position = block.end()
        while self._buffer[position : position + 1] != b"}":
            if outline is None:
                self._note(block.end(), position)
            position = self._statement(position, depth + 1)
        if outline is not None:
            outline.leave()
        return position + 1

    def _note(self, block: int, position: int) -> None:
        """What the attribute at `position` says of the value of its block."""
        if _MARKED.match(self._buffer, position):
            self._facts.setdefault(block, []).append(_LIKE_A_SECRET)
        elif called := _CALLED.match(self._buffer, position):
            self._facts.setdefault(block, []).append(called.group(1))

    def _expression(self, key: bytes, start: int, depth: int, *, inside: bytes = b"") -> int:
        """Report the value of `key` that begins at `start`; `inside` is the bracket around it. Returns its end."""
        tokens, end = self._tokens(start, inside)
        outline = self._outline
        if not tokens:
            raise Broken
        first = tokens[0]
        if outline is None:
            return end
        if depth >= _MAX_DEPTH:
            raise Broken
        if key:
            outline.key(key)
        if len(tokens) == 1:
            self._single(first)
        elif first.match.group() in {b"[", b"{"} and self._closing(first) == tokens[-1].end:
            self._structure(first, depth)
        else:
            self._compound(key, tokens, depth)
        return end

    def _tokens(self, start: int, inside: bytes) -> tuple[list[_Token], int]:
        """The tokens of one expression, without space, and where it ends; nested brackets are in it."""
        tokens: list[_Token] = []
        brackets: list[bytes] = []
        position = start
        while position < len(self._buffer):
            token = self._token(position)
            if token.kind == "close":
                if not brackets:
                    break
                if token.match.group() != _CLOSES[brackets.pop()]:
                    raise Broken
            if not brackets and (
                token.kind == "comma"
                or (token.kind in {"newline", "comment"} and inside not in {b"[", b"("} and token.kind != "space")
            ):
                break
            if token.kind == "open":
                brackets.append(token.match.group())
            if token.kind not in {"space", "newline", "comment"}:
                tokens.append(token)
            position = token.end
        if brackets:
            raise Broken
        return tokens, position

    def _closing(self, opened: _Token) -> int:
        depth, position = 0, opened.start
        while position < len(self._buffer):
            token = self._token(position)
            depth += (token.kind == "open") - (token.kind == "close")
            if depth == 0:
                return token.end
            position = token.end
        raise Broken

    def _single(self, token: _Token) -> None:
        outline = self._outline
        if outline is None:
            return
        text = token.match.group()
        if token.kind == "string":
            outline.value(token.start, token.end, _unescaped(text[1:-1]), _string)
        elif token.kind == "heredoc":
            body = token.match
            outline.value(*body.span("body"), body.group("body"), _lines)
        else:
            literal = token.kind == "number"
            outline.value(token.start, token.end, text if literal else b"", _string, string=False)

    def _structure(self, opened: _Token, depth: int) -> None:
        """A list or an object, its elements and members."""
        outline = self._outline
        if outline is None:
            return
        mark = opened.match.group()
        mapping = mark == b"{"
        outline.open(opened.start, _string, mapping=mapping)
        position = opened.end
        while True:
            token = self._token(position)
            if token.kind == "close":
                break
            if token.kind == "comment":
                outline.text(token.start, token.end)
            if token.kind in {"space", "newline", "comment", "comma"}:
                position = token.end
                continue
            member = _MEMBER.match(self._buffer, position) if mapping else None
            if mapping and member is None:
                raise Broken
            if member is None:
                position = self._expression(b"", position, depth + 1, inside=mark)
            else:
                outline.text(*member.span(1), key=True)
                name = member.group(1)
                position = self._expression(name.strip(b'"'), member.end(), depth + 1, inside=mark)
        outline.close(token.end)

    def _compound(self, key: bytes, tokens: list[_Token], depth: int) -> None:
        """Operators and calls: replaced as a whole under a secret key if a literal is in them, else looked into."""
        outline = self._outline
        if outline is None:
            return
        literal = any(_is_literal(tokens, index) for index in range(len(tokens)))
        start, end = tokens[0].start, tokens[-1].end
        if outline.claims(key):
            raw = self._buffer[start:end]
            outline.value(start, end, raw if literal else b"", _whole, string=literal)
            return
        position = start
        for token in tokens:
            if token.start < position:
                continue
            if token.kind == "open" and token.match.group() != b"(":
                position = self._closing(token)
                if not _is_comprehension(self._buffer, token):
                    outline.key(key)
                    self._structure(token, depth + 1)
            elif token.kind in {"string", "heredoc"}:
                outline.key(key)
                self._single(token)


def _is_literal(tokens: list[_Token], index: int) -> bool:
    """Whether a token is a value of its own, and no index as in `data.x["key"]`."""
    token = tokens[index]
    if index > 1 and tokens[index - 1].match.group() == b"[" and tokens[index - 2].kind in {"other", "close"}:
        return False
    if token.kind == "string":
        return bool(_INTERPOLATED.sub(b"", token.match.group()[1:-1]))
    return token.kind in {"heredoc", "number"}


def _is_comprehension(buffer: bytes, opened: _Token) -> bool:
    return re.compile(rb"\s*for\b").match(buffer, opened.end) is not None


def _unescaped(text: bytes) -> bytes:
    return _ESCAPE.sub(_character, text) if b"\\" in text else text


def _character(match: re.Match[bytes]) -> bytes:
    code = match.group(1) or match.group(2)
    if code:
        number = int(code, 16)
        return chr(number).encode("utf-8", "surrogatepass") if number <= _LAST_CHARACTER else match.group()
    named: bytes = match.group(3)
    return _NAMED.get(named, named)


def _string(value: bytes) -> bytes:
    text = value.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + text.replace(b"\n", b"\\n").replace(b"\r", b"\\r").replace(b"\t", b"\\t") + b'"'


def _lines(value: bytes) -> bytes:
    return value if value.endswith(b"\n") else value + b"\n"


def _whole(value: bytes) -> bytes:
    return _string(value) if is_marker(value) else value


_KINDS: Final = ("space", "newline", "comment", "heredoc", "string", "open", "close", "comma", "number", "other")
_LAST_CHARACTER: Final = 0x10FFFF
