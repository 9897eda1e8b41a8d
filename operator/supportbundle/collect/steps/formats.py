"""What a step made, as the bytes of its file: JSON, YAML or text.

An expression can make a value that is far larger as a file than in memory, because parts of it are the same object. So
it is copied out first, and that ends at the file's limit.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator

import orjson
import yaml
from pydantic import JsonValue

from supportbundle.errors import TooLarge
from supportbundle.model.api import DocumentFormat, Missing
from supportbundle.plan.expressions import ExpressionFailed

LIMIT = 16 << 20
YAML_LIMIT = 4 << 20
"""Bytes of a file that is put together. YAML is written at some half a megabyte a second, JSON much faster."""

MAX_DEPTH = 100
"""Nested lists and objects; the writers of JSON and YAML have limits of their own, and higher ones."""

CONSTANTS = {Missing.NULL: b"null\n", Missing.EMPTY: b""}
_YAML_INDENT = 2
_WHOLE = range(-(1 << 63), 1 << 64)
"""Numbers that all readers and writers of JSON take."""
_LEAST = 2
"""Bytes that any value takes with what parts it from the next."""


def encoded(value: object, form: DocumentFormat, indent: int | None) -> bytes:
    """The file. Numbers that are none, such as infinity, become null.

    Raises:
        TooLarge: it would have more than `LIMIT` bytes, or `YAML_LIMIT`.
        ExpressionFailed: the value is none of JSON's, or no text where text is wanted.
    """
    limit = YAML_LIMIT if form == DocumentFormat.YAML else LIMIT
    if form == DocumentFormat.TEXT:
        return "".join(_lines(value, limit)).encode()
    copy = _Copier(limit).copied(value, 0)
    if form == DocumentFormat.YAML:
        text = yaml.dump(
            copy,
            Dumper=yaml.CSafeDumper,
            sort_keys=False,
            allow_unicode=True,
            width=1 << 20,
            indent=indent or _YAML_INDENT,
        )
        made = text.encode()
    elif indent is None:
        made = orjson.dumps(copy) + b"\n"
    else:
        made = json.dumps(copy, indent=indent, ensure_ascii=False).encode() + b"\n"
    if len(made) > limit:
        raise _too_large(limit)
    return made


def _lines(value: object, limit: int) -> Iterator[str]:
    """A text, or a list of texts as lines; a line that ends already gets no second end."""
    for number, line in enumerate(value if isinstance(value, list) else [value], 1):
        if not isinstance(line, str):
            what = f"item {number} of the list" if isinstance(value, list) else "the value"
            raise ExpressionFailed(f"Format Text takes a text or a list of texts; {what} is none.", "Use to_string().")
        _require_text(line)
        limit -= len(line.encode()) + 1
        if limit < 0:
            raise _too_large(LIMIT)
        yield line if line.endswith("\n") else f"{line}\n"


class _Copier:
    """A copy in which nothing stands twice, as long as there is room."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._left = limit

    def copied(self, value: object, depth: int) -> JsonValue:
        if depth > MAX_DEPTH:
            raise ExpressionFailed(f"What is written is nested more than {MAX_DEPTH} deep.")
        self._take(_LEAST)
        match value:
            case None | bool():
                return value
            case int():
                return value if value in _WHOLE else _finite(value)
            case float():
                return _finite(value)
            case str():
                _require_text(value)
                self._take(len(value))
                return value
            case list():
                return [self.copied(item, depth + 1) for item in value]
            case dict():
                return {self._key(key): self.copied(item, depth + 1) for key, item in value.items()}
            case _:
                raise ExpressionFailed("It makes an expression (&) where a value is needed.")

    def _key(self, key: str) -> str:
        _require_text(key)
        self._take(len(key) + _LEAST)
        return key

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise _too_large(self._limit)


def _finite(number: float) -> float | None:
    try:
        return float(number) if math.isfinite(number) else None
    except OverflowError:
        return None


def _require_text(text: str) -> None:
    """Expressions can hold halves of characters, which no file can."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ExpressionFailed("It makes a text that is no Unicode.") from error


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"What it makes takes more than {limit >> 20} MiB.", "Take less of the answers.")
