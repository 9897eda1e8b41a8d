"""Expressions of API steps, and paths of requests that hold some: read when planning, tried when running. Pure.

What an expression refers to is told by its text alone, so that a reference to something that is not there is noticed
before anything runs, and nothing is kept in memory that nobody reads. Therefore `@` cannot mean all answers at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import quote

from supportbundle.errors import SupportBundleError
from supportbundle.plan.jmes import BadExpression, ExpressionFailed, Meter, Tree, children, evaluate, parse

__all__ = ["BadExpression", "Expression", "ExpressionFailed", "Meter", "NothingThere", "PathTemplate", "is_true"]

MAX_LENGTH = 1024
MAX_FILLED = 2048
"""Characters of a request's path and query once they are filled in."""

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_CLIMBING = frozenset({".", ".."})
_FALSE: tuple[object, ...] = ("", [], {}, None)
_HERE = frozenset({"current", "identity"})


class NothingThere(SupportBundleError):
    """An expression gives null, or nothing that could stand where it stands."""

    reason = "NoSource"


@dataclass(frozen=True, slots=True)
class Expression:
    """JMESPath that was read. `names` are what it takes from where it begins, None if that is all of it."""

    text: str
    names: frozenset[str] | None
    _tree: Tree

    @classmethod
    def read(cls, text: str) -> Expression:
        """From its text.

        Raises:
            BadExpression: as `jmes.parse`, or it is longer than `MAX_LENGTH`.
        """
        if len(text) > MAX_LENGTH:
            raise BadExpression(f"it is longer than {MAX_LENGTH} characters")
        tree = parse(text)
        names = set(_names(tree))
        return cls(text, None if None in names else frozenset(name for name in names if name is not None), tree)

    def on(self, data: object, meter: Meter) -> object:
        """What it gives for these data.

        Raises:
            ExpressionFailed, TooLarge: as `jmes.evaluate`.
        """
        return evaluate(self._tree, data, meter)


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A request's path with its query, in which `{JMESPath}` stands for one value."""

    _parts: tuple[str | Expression, ...]

    @classmethod
    def read(cls, text: str) -> PathTemplate:
        """From its text, in which `{{` and `}}` are braces.

        Raises:
            BadExpression: an expression cannot be read, a brace has no other, or a space stands outside.
        """
        parts: list[str | Expression] = []
        end = 0
        for token in _TOKEN.finditer(text):
            parts.append(text[end : token.start()])
            end = token.end()
            if token[1] is not None:
                parts.append(Expression.read(token[1]))
            elif len(token[0]) == 1:
                raise BadExpression(f"column {token.start() + 1}: the brace has no other; write two for one")
            else:
                parts.append(token[0][0])
        parts.append(text[end:])
        if any(" " in part for part in parts if isinstance(part, str)):
            raise BadExpression("a space stands outside of braces; write %20")
        return cls(tuple(part for part in parts if part))

    @property
    def expressions(self) -> Iterator[Expression]:
        """Those that stand in it."""
        return (part for part in self._parts if isinstance(part, Expression))

    def filled(self, data: Mapping[str, object], meter: Meter) -> str:
        """The path to ask for. Each value is percent-encoded, so that it stays one segment or one value.

        Raises:
            NothingThere: a value is null, empty, no text or number, or the whole is too long.
            ExpressionFailed, TooLarge: as `Expression.on`.
        """
        filled = "".join(part if isinstance(part, str) else _encoded(part, data, meter) for part in self._parts)
        if len(filled) > MAX_FILLED:
            raise NothingThere(f"The path has more than {MAX_FILLED} characters once it is filled in.")
        return filled


def is_true(value: object) -> bool:
    """JMESPath's truth: all but null, false, and empty texts, lists and objects. Zero is true."""
    return value is not False and not any(type(value) is type(false) and value == false for false in _FALSE)


def _encoded(expression: Expression, data: object, meter: Meter) -> str:
    match value := expression.on(data, meter):
        case bool():
            text = str(value).lower()
        case str() | int() | float():
            text = str(value)
        case _:
            what = "null" if value is None else "no single text or number"
            raise NothingThere(f"{{{expression.text}}} in the path is {what}.")
    # Servers and proxies resolve dots before they look at a path.
    if not text or text in _CLIMBING or len(text) > MAX_FILLED:
        raise NothingThere(f"{{{expression.text}}} in the path is {'too long' if text[2:] else repr(text)}.")
    try:
        return quote(text, safe="")
    except UnicodeEncodeError as error:
        raise NothingThere(f"{{{expression.text}}} in the path is no text.") from error


def _names(node: Tree) -> Iterator[str | None]:
    """What a node takes from where the expression begins; None for all of it."""
    match node["type"]:
        case "field":
            yield node["value"]
        case "current" | "identity":
            yield None
        case "subexpression" | "index_expression" | "pipe":
            first = next((child for child in children(node) if child["type"] not in _HERE), None)
            yield from (None,) if first is None else _names(first)
        case "projection" | "filter_projection" | "value_projection":
            yield from _names(next(children(node)))
        case "expref" | "literal" | "index" | "slice":
            return
        case _:
            for child in children(node):
                yield from _names(child)
