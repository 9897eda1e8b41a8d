"""JMESPath with a meter: the library's parser and interpreter, and nothing that an expression can do without paying.

Expressions are written by authors of templates and bundles, and what they are tried on comes from pods that may be
hostile. Seven characters (`[@,@]|…`) double a value each time they are repeated, so neither the length of an expression
nor the size of an answer bounds what comes of the two. Therefore every visit of a node is a step, whatever the
interpreter hands to C code (comparing, sorting, joining, flattening, turning into text) is paid by its size before it
is done, and what is made is paid by its bytes. No clock decides: the same two always end the same way.

The only module that knows the library, which has no types.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final

from jmespath.exceptions import (
    EmptyExpressionError,
    IncompleteExpressionError,
    JMESPathError,
    JMESPathTypeError,
    LexerError,
    ParseError,
)
from jmespath.functions import Functions
from jmespath.parser import Parser
from jmespath.visitor import Options, TreeInterpreter

from supportbundle.errors import Invalid, TooLarge

Tree = Mapping[str, Any]
"""A node: `type`, `children`, and `value` where it has one. The children of a slice are numbers."""

STEPS: Final = 3_000_000
"""Some six seconds of one core at worst. Ten thousand objects with twenty fields each take 400,000."""

ROOM: Final = 32 << 20
"""Bytes of memory, roughly counted, for what expressions make."""

MAX_DEPTH: Final = 48
"""Nested nodes of an expression; each takes some three frames of the interpreter's stack."""

_CHUNK = 64
"""Bytes of text that C code handles in the time of a step, generously."""
_LIST, _ITEM, _OBJECT, _ENTRY = 56, 8, 64, 100
_COMPARISONS = 24
"""How often sorting looks at one of sixteen million."""
_WHOLE = range(-(1 << 63), 1 << 64)
_NOTHING = frozenset({"null", "NoneType"})
_MAKERS = frozenset(
    {"filter_projection", "multi_select_dict", "multi_select_list", "projection", "slice", "value_projection"}
)
_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    name: TreeInterpreter.COMPARATOR_FUNC[name] for name in ("lt", "lte", "gt", "gte")
}


class BadExpression(ValueError):
    """The text is no expression that can be used; the message is one line."""


class ExpressionFailed(Invalid):
    """An expression does not fit what the pod answered."""

    reason = "ExpressionFailed"


class Meter:
    """What is left to spend; one for all expressions of a step."""

    __slots__ = ("_all", "_room", "_steps")

    def __init__(self, steps: int = STEPS, room: int = ROOM) -> None:
        self._steps = steps
        self._room = self._all = room

    @property
    def made(self) -> int:
        """Bytes that were paid for."""
        return self._all - self._room

    def spend(self, steps: int) -> None:
        """Pay for work.

        Raises:
            TooLarge: there is not so much left.
        """
        self._steps -= steps
        if self._steps < 0:
            raise TooLarge(f"Its expressions take more than {STEPS:,} steps on this answer.", "Take less of it.")

    def make(self, size: int) -> None:
        """Pay for memory, before it is taken where that is possible.

        Raises:
            TooLarge: there is not so much left.
        """
        self._room -= size
        if self._room < 0:
            raise TooLarge(f"Its expressions make more than {ROOM >> 20} MiB of this answer.", "Take less of it.")


def parse(text: str) -> Tree:
    """The tree of an expression whose functions exist and get as many arguments as they take.

    Raises:
        BadExpression: it cannot be read, or is nested deeper than `MAX_DEPTH`.
    """
    with warnings.catch_warnings():
        # Texts between backticks that are no JSON, which JMESPath once took.
        warnings.simplefilter("error", PendingDeprecationWarning)
        try:
            tree: Tree = Parser().parse(text).parsed
        except PendingDeprecationWarning as error:
            raise BadExpression("between backticks stands JSON; write a text as 'text'") from error
        except RecursionError as error:
            raise BadExpression(f"it is nested more than {MAX_DEPTH} deep") from error
        except (JMESPathError, LookupError, TypeError, ValueError) as error:
            raise BadExpression(_unreadable(error)) from error
    level: Sequence[Tree] = [tree]
    for _ in range(MAX_DEPTH):
        for node in level:
            _check(node)
        if not (level := [child for node in level for child in children(node)]):
            return tree
    raise BadExpression(f"it is nested more than {MAX_DEPTH} deep")


def evaluate(tree: Tree, data: object, meter: Meter) -> object:
    """What the expression gives. `data` is not changed, and parts of it stand in the result.

    Unlike elsewhere, a function that is given null where it takes none gives null, and so does to_string(): what has no
    source is missing, and neither fails nor becomes the text "null".

    Raises:
        ExpressionFailed: a function was given something else that it does not take.
        TooLarge: it costs more than the meter has.
    """
    try:
        return _Interpreter(meter).visit(tree, data)
    except JMESPathTypeError as error:
        # Its own message quotes the value, which may be as large as it likes.
        wanted = ", ".join(error.expected_types)
        raise ExpressionFailed(f"{error.function_name}() takes {wanted} and was given {error.actual_type}.") from error
    except (JMESPathError, ArithmeticError, TypeError, ValueError) as error:
        raise ExpressionFailed("It does not fit the answer: a number or a comparison that cannot be.") from error
    except RecursionError as error:
        raise ExpressionFailed("The answer is nested too deeply.") from error


def children(node: Tree) -> Iterator[Tree]:
    """The nodes directly below a node."""
    return (child for child in node["children"] if isinstance(child, dict))


def weigh(value: object, meter: Meter) -> int:
    """Pay a step for every part of a value, shared ones as often as they stand there; about its bytes as JSON."""
    size, stack = 0, [value]
    while stack:
        match found := stack.pop():
            case list():
                meter.spend(1 + len(found))
                stack += found
            case dict():
                meter.spend(1 + 2 * len(found))
                stack += found
                stack += found.values()
            case str():
                meter.spend(1 + len(found) // _CHUNK)
                size += len(found) * (1 if found.isascii() else 12)
            case None | bool() | int() | float():
                meter.spend(1)
            case _:
                raise ExpressionFailed("It makes an expression (&) where a value is needed.")
        size += _ITEM
    return size


class _Interpreter(TreeInterpreter):  # type: ignore[misc] # the library has no types
    """The library's interpreter, with every visit and everything large paid for."""

    def __init__(self, meter: Meter) -> None:
        super().__init__(Options(custom_functions=_Functions(meter)))
        self._meter = meter

    def visit(self, node: Tree, value: object) -> object:
        self._meter.spend(1)
        made = super().visit(node, value)
        if node["type"] in _MAKERS:
            self._meter.make(_memory(made))
        return made

    def visit_flatten(self, node: Tree, value: object) -> object:
        base = self.visit(node["children"][0], value)
        if not isinstance(base, list):
            return None
        count = sum(len(item) if isinstance(item, list) else 1 for item in base)
        self._meter.spend(len(base) + count)
        self._meter.make(_LIST + _ITEM * count)
        return [part for item in base for part in (item if isinstance(item, list) else (item,))]

    def visit_comparator(self, node: Tree, value: object) -> object:
        left, right = (self.visit(child, value) for child in node["children"])
        self._meter.spend(_comparing(left, right, self._meter))
        if (order := _ORDERS.get(node["value"])) is None:
            return self.COMPARATOR_FUNC[node["value"]](left, right)
        return order(left, right) if _kind(left) == _kind(right) != "" else None


class _Functions(Functions):  # type: ignore[misc] # the library has no types
    """The library's functions; arguments are paid for before they are looked at."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter

    def call_function(self, function_name: str, resolved_args: Sequence[object]) -> object:
        if function_name == "to_string" and resolved_args[0] is None:
            return None
        for argument in resolved_args:
            self._meter.spend(_extent(argument))
        self._pay(function_name, resolved_args)
        try:
            made = super().call_function(function_name, resolved_args)
        except JMESPathTypeError as error:
            if error.actual_type in _NOTHING:
                return None
            raise
        if not isinstance(made, str):  # texts were paid for where they are new
            self._meter.make(_memory(made))
        return made if _writable(made) else None

    def _pay(self, name: str, given: Sequence[object]) -> None:
        """What the size of the arguments alone does not tell."""
        match name, given:
            case "to_string", [list() | dict() as value]:
                self._meter.make(weigh(value, self._meter))
            case "join", [str() as between, list() as parts]:
                texts = [part for part in parts if isinstance(part, str)]
                self._meter.make(sum(map(len, texts)) + len(between) * len(parts))
                self._meter.spend(sum(map(_extent, texts)))
            case "reverse", [str() as text]:
                self._meter.make(len(text))
            case "contains", [list() as items, wanted]:
                if isinstance(wanted, list | dict):
                    weigh(items, self._meter)
                else:
                    self._meter.spend(len(items) * _extent(wanted))
            case "sort" | "max" | "min", [list() as items]:
                self._meter.spend(sum(map(_extent, items)) * len(items).bit_length())
            case _:
                pass

    def _create_key_func(self, expref: object, allowed_types: object, function_name: str) -> Callable[[object], object]:
        key = super()._create_key_func(expref, allowed_types, function_name)

        def paid(item: object) -> object:
            found = key(item)
            self._meter.spend(_COMPARISONS * _extent(found) if isinstance(found, str) else 0)
            return found

        return paid


def _comparing(left: object, right: object, meter: Meter) -> int:
    """Steps that it takes to compare; inner parts are paid here, and only where both may be equal to their ends."""
    match left, right:
        case str(), str():
            return min(_extent(left), _extent(right))
        case (list(), list()) | (dict(), dict()) if _extent(left) == _extent(right):
            weigh(left, meter)
        case _:
            pass
    return 0


def _extent(value: object) -> int:
    """Items of a list or an object, pieces of a text."""
    match value:
        case list() | dict():
            return len(value)
        case str():
            return 1 + len(value) // _CHUNK
        case _:
            return 0


def _memory(value: object) -> int:
    """Bytes of the outermost object alone; what stands in it was paid before."""
    match value:
        case list():
            return _LIST + _ITEM * len(value)
        case dict():
            return _OBJECT + _ENTRY * len(value)
        case _:
            return 0


def _kind(value: object) -> str:
    """What may be ordered: numbers with numbers, texts with texts."""
    if isinstance(value, str):
        return "text"
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else ""


def _writable(value: object) -> bool:
    """Infinity and the like are no JSON, and whole numbers of more than 64 bits are not read by everybody."""
    if isinstance(value, float):
        return math.isfinite(value)
    return not isinstance(value, int) or value in _WHOLE


def _check(node: Tree) -> None:
    """What the library would notice only when it comes there, or never."""
    if node["type"] == "literal" and not all(map(_writable, _numbers(node["value"]))):
        raise BadExpression("a number is too large")
    if node["type"] != "function_expression":
        return
    known = Functions.FUNCTION_TABLE.get(node["value"])
    if known is None:
        raise BadExpression(f"there is no function {node['value']}()")
    takes, given = len(known["signature"]), len(node["children"])
    more = known["signature"][-1].get("variadic", False)
    if given < takes or (given > takes and not more):
        raise BadExpression(f"{node['value']}() takes {takes}{' or more' if more else ''}, and {given} are given")


def _numbers(literal: object) -> Iterator[object]:
    """All that stands in a literal, which is as deep as a thousand characters can be."""
    stack = [literal]
    while stack:
        match found := stack.pop():
            case list():
                stack += found
            case dict():
                stack += found.values()
            case _:
                yield found


def _unreadable(error: Exception) -> str:
    """In one line; the library draws arrows below the text."""
    match error:
        case EmptyExpressionError():
            return "it is empty"
        case IncompleteExpressionError():
            return "it ends too early"
        case ParseError(token_type="EOF"):
            return "it ends too early"
        case LexerError():
            return f"column {error.lexer_position + 1}: {error.message}"
        case ParseError():
            return f"column {error.lex_position + 1}: {str(error.token_value)[:40]!r} cannot stand there"
        case _:
            return "it is no JMESPath"
