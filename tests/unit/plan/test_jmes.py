"""Expressions with a meter: what they give, and that nothing makes them cost more than they may."""

from __future__ import annotations

import json
import time
import tracemalloc
from contextlib import suppress
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.errors import TooLarge
from supportbundle.plan.jmes import ROOM, BadExpression, ExpressionFailed, Meter, evaluate, parse


def on(data: object, text: str, meter: Meter | None = None) -> Any:
    return evaluate(parse(text), data, meter or Meter())


PLAIN = {
    "a": [{"n": "x", "v": 2, "tags": ["p", "q"]}, {"n": "y", "v": 10, "tags": []}, {"n": "z", "v": None}],
    "o": {"k": 1, "l": {"m": [1, 2, [3, [4]]]}},
    "t": "text",
}
AS_THE_LIBRARY = [
    "a[?v > `5`].n | [0]",
    "a[*].{name: n, first: tags[0]}",
    "a[].tags[]",
    "o.l.m[][]",
    "o.*",
    "a[1:]",
    "a[::-1].n",
    "sort_by(a[?v], &v)[*].n",
    "max_by(a[?v], &v).n",
    "join(', ', a[*].n)",
    "length(a)",
    "keys(o)",
    "merge(o, {k: `2`})",
    "map(&n, a)",
    "contains(a[0].tags, 'q') && !contains(t, 'z')",
    "a[?n == 'x' || v < `3`].v",
    "reverse(t)",
    "to_string(o)",
    "[sum([`1`, `2.5`]), avg([`1`]), abs(`-1`), ceil(`1.2`), floor(`1.8`), min([`3`, `2`]), max(['a', 'b'])]",
    "[type(a), type(t), to_number('12'), to_array(t), not_null(nothing, t), starts_with(t, 'te')]",
    "[o == o, o == `{}`, a[0] != a[1], `1` == `true`, `0` == `false`, t == 'text', a < o]",
]


@pytest.mark.parametrize("text", AS_THE_LIBRARY)
def test_expressions_mean_what_the_library_says(text: str) -> None:
    assert on(PLAIN, text) == jmespath.search(text, PLAIN)


@pytest.mark.parametrize(
    "text",
    [
        "length(gone)",
        "sum([gone, `1`])",
        "sort(gone)",
        "join(',', [t, gone])",
        "to_string(gone)",
        "keys(gone)",
        "t < `1`",
    ],
)
def test_what_has_no_source_is_null(text: str) -> None:
    assert on(PLAIN, text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("length(`5`)", "length() takes string, array, object and was given number."),
        ("sum(a)", "sum() takes array-number and was given dict."),
        ("a[::0]", "cannot be"),
    ],
)
def test_what_does_not_fit_is_said_without_quoting_it(text: str, words: str) -> None:
    with pytest.raises(ExpressionFailed) as failure:
        on(PLAIN, text)
    assert words in str(failure.value)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is empty"),
        ("a.", "it ends too early"),
        ("a b", "column 3: 'b' cannot stand there"),
        ("old-name", "column 4: Unknown token '-'"),
        ("'open", "column 1: Unclosed"),
        ("`text`", "write a text as 'text'"),
        ("nope(a)", "there is no function nope()"),
        ("a[?length(b, c) > `1`]", "length() takes 1, and 2 are given"),
        ("not_null()", "not_null() takes 1 or more, and 0 are given"),
        ("(" * 1000, "nested more than 48 deep"),
        ("!" * 60 + "a", "nested more than 48 deep"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(text: str, words: str) -> None:
    with pytest.raises(BadExpression) as failure:
        parse(text)
    assert words in str(failure.value)
    assert "\n" not in str(failure.value)


def doubled(times: int, what: str = "[@,@]") -> str:
    return "|".join([what] * times)


BOMBS = {
    "flattened twins": (doubled(20, "[@,@]|[]"), [1]),
    "twins as text": (f"to_string({doubled(40)})", [1]),
    "twins compared": (f"({doubled(40)}) == ({doubled(40, '[@,@]')})", [1]),
    "twins contained": (f"contains([{doubled(40)}], {doubled(40)})", [1]),
    "maps of maps": (doubled(12, "map(&[@,@,@,@], @)|[]"), [1]),
    "texts joined": ("[]|[@,@]|[]|[@,@]|[]|[@,@]|[]|join('', @)", ["x" * (1 << 20)] * 20),
    "texts turned": ("[*].reverse(@)", ["x" * (1 << 20)] * 64),
    "long texts compared": (doubled(12, "[@,@]|[]") + "|[?@ == @ && @ != '']", ["x" * (1 << 20), "x" * (1 << 20)]),
    "long texts sorted": (doubled(12, "[@,@]|[]") + "|sort(@)", ["x" * (1 << 20), "x" * (1 << 20)]),
    "long texts as keys": (doubled(12, "[@,@]|[]") + "|sort_by(@, &@)", ["x" * (1 << 20), "x" * (1 << 20)]),
    "a type told of twins": (f"sum([{doubled(40)}])", [1]),
}


@pytest.mark.parametrize("name", BOMBS)
def test_no_expression_takes_more_than_it_may(name: str) -> None:
    text, data = BOMBS[name]
    tree = parse(text)
    tracemalloc.start()
    began = time.process_time()
    try:
        with pytest.raises((TooLarge, ExpressionFailed)):
            evaluate(tree, data, Meter(steps=50_000))
        took, most = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert took < 5
    assert most < 2 * ROOM


def test_a_table_of_ten_thousand_lines_costs_a_tenth_of_what_it_may() -> None:
    rows = [{"at": str(i), "level": "info", "text": "x" * 100} for i in range(10_000)]
    meter = Meter(steps=500_000, room=ROOM // 4)
    assert len(on(rows, "[].join(' ', [at, level, text])", meter)) == 10_000


def test_a_meter_is_shared_by_all_that_it_is_given_to() -> None:
    meter = Meter(steps=100)
    tree = parse("[*].a")
    evaluate(tree, [1] * 60, meter)
    with pytest.raises(TooLarge):
        evaluate(tree, [1] * 60, meter)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=20,
)
PIECES = (
    "a;b.c;[*];[];[0];[?a];|;.;*;@;&a;`1`;'x';==;<;||;&&;!;(;);[a,b];{a: b};,;"
    "length(;sort_by(;to_string(;merge(;max_by(;join(;contains(;sum("
)
WORDS = st.sampled_from(PIECES.split(";"))


@given(st.lists(WORDS, max_size=12).map("".join), JSON)
def test_whatever_can_be_read_ends_well(text: str, data: object) -> None:
    before = json.dumps(data)
    try:
        made = on(data, text, Meter(steps=10_000, room=1 << 20))
    except (BadExpression, ExpressionFailed, TooLarge):
        return
    assert json.dumps(data) == before
    try:
        theirs = jmespath.search(text, data)
    except (ValueError, TypeError, ArithmeticError):
        return  # where null was given, or things of two kinds were ordered
    if "(" not in text:
        assert repr(made) == repr(theirs) or "&" in text


@given(st.text(max_size=40))
def test_any_text_is_an_expression_or_none(text: str) -> None:
    with suppress(BadExpression):
        parse(text)
