"""What a step made, as the bytes of its file: JSON, YAML or text.

An expression can make a value that is far larger as a file than in memory, because parts of it are the same object. So
it is walked first, which ends at the file's limit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import orjson
import yaml

from supportbundle.errors import TooLarge
from supportbundle.model.api import DocumentFormat
from supportbundle.plan.expressions import ExpressionFailed

LIMIT = 16 << 20
"""Bytes of a file that is put together."""

VALUES = 500_000
YAML_VALUES = 100_000
"""Texts, numbers, lists and objects in such a file; YAML takes half a kilobyte of memory for each."""

MAX_DEPTH = 100
"""Nested lists and objects; the writers of JSON and YAML have limits of their own, and higher ones."""

_YAML_INDENT = 2
_WIDEST = 1 << 20
"""No line of YAML is folded."""


def encoded(value: object, form: DocumentFormat, indent: int | None) -> bytes:
    """The file.

    Raises:
        TooLarge: it would have more than `LIMIT` bytes, or more than `VALUES` values (`YAML_VALUES`).
        ExpressionFailed: the value is none of JSON's, or no text where text is wanted.
    """
    if form == DocumentFormat.TEXT:
        return _joined(_lines(value))
    _require_small(value, YAML_VALUES if form == DocumentFormat.YAML else VALUES)
    if form == DocumentFormat.YAML:
        width, spaces = _WIDEST, indent or _YAML_INDENT
        text = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width, indent=spaces)
        return _joined([text])
    if indent is None:
        return orjson.dumps(value) + b"\n"
    return _joined(json.JSONEncoder(indent=indent, ensure_ascii=False).iterencode(value)) + b"\n"


class _Dumper(yaml.CSafeDumper):
    """What stands twice is written twice, not as a reference to the first."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _joined(pieces: Iterable[str]) -> bytes:
    made = bytearray()
    for piece in pieces:
        made += piece.encode()
        if len(made) > LIMIT:
            raise TooLarge(f"What it makes takes more than {LIMIT >> 20} MiB.", "Take less of the answers.")
    return bytes(made)


def _lines(value: object) -> Iterator[str]:
    """A text, or a list of texts as lines; a line that ends already gets no second end."""
    for number, line in enumerate(value if isinstance(value, list) else [value], 1):
        if not isinstance(line, str):
            what = f"item {number} of the list" if isinstance(value, list) else "the value"
            raise ExpressionFailed(f"Format Text takes a text or a list of texts; {what} is none.", "Use to_string().")
        _require_text(line)
        yield line if line.endswith("\n") else f"{line}\n"


def _require_small(value: object, most: int) -> None:
    """Walk all of it, what stands twice twice.

    Raises:
        TooLarge, ExpressionFailed: as `encoded`.
    """
    count = size = 0
    stack = [iter((value,))]
    while stack:
        if len(stack) > MAX_DEPTH + 1:
            raise ExpressionFailed(f"What is written is nested more than {MAX_DEPTH} deep.")
        for found in stack[-1]:
            count += 1
            match found:
                case str():
                    size += _require_text(found)
                case list():
                    stack.append(iter(found))
                    break
                case dict():
                    size += sum(map(_require_text, found))
                    stack.append(iter(found.values()))
                    break
                case None | bool() | int() | float():
                    pass
                case _:
                    raise ExpressionFailed("It makes an expression (&) where a value is needed.")
        else:
            stack.pop()
        if count > most or size > LIMIT:
            raise TooLarge(
                f"What it makes has more than {most:,} values or {LIMIT >> 20} MiB.", "Take less of the answers."
            )


def _require_text(text: str) -> int:
    """Its length in characters. Expressions can hold halves of characters, which no file can."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ExpressionFailed("It makes a text that is no Unicode.") from error
    return len(text)
