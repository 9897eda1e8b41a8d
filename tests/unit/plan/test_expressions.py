"""What an expression refers to, what is true, and paths that are filled in."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.plan.expressions import (
    BadExpression,
    Expression,
    ExpressionFailed,
    Meter,
    NothingThere,
    PathTemplate,
    is_true,
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("client.Version", {"client"}),
        ("stats[?name == 'posts'].value | [0]", {"stats"}),
        ("a.b[0].c || d", {"a", "d"}),
        ("sum([a[?x > `1`].y | [0], b])", {"a", "b"}),
        ("map(&inner.x, list)", {"list"}),
        ("{k: a, l: {m: b.c}}", {"a", "b"}),
        ("!a && b == c", {"a", "b", "c"}),
        ("a[].b[*].c", {"a"}),
        ("sort_by(a, &b)[:2]", {"a"}),
        ("@.a", {"a"}),
        ("@ | a.b", {"a"}),
        ("'text'", set()),
        ("`null`", set()),
        ("a | @ | b", {"a"}),
    ],
)
def test_an_expression_tells_which_names_it_begins_with(text: str, names: set[str]) -> None:
    assert Expression.read(text).names == names


@pytest.mark.parametrize("text", ["@", "*", "[*]", "[?a]", "[]", "keys(@)", "[@, a]", "*.a", "@ | @", "a == @"])
def test_an_expression_about_everything_says_so(text: str) -> None:
    assert Expression.read(text).names is None


@pytest.mark.parametrize("value", [0, 0.0, "0", [0], {"a": None}, True, -1])
def test_everything_is_true(value: object) -> None:
    assert is_true(value)


@pytest.mark.parametrize("value", [None, False, "", [], {}])
def test_but_for_what_is_empty(value: object) -> None:
    assert not is_true(value)


DATA = {"w": {"id": "a/b", "n": 7, "on": True, "half": 1.5, "none": None, "empty": "", "up": "..", "list": [1]}}


@pytest.mark.parametrize(
    ("template", "path"),
    [
        ("/plain?x=1&y=%20", "/plain?x=1&y=%20"),
        ("/w/{w.id}/x", "/w/a%2Fb/x"),
        ("/{w.n}/{w.on}/{w.half}", "/7/true/1.5"),
        ("/q?a={w.id}&b={w.list[0]}", "/q?a=a%2Fb&b=1"),
        ("/{{literal}}/{ w.none || 'x y' }", "/{literal}/x%20y"),
        ("/{w.list[?@ > `0`] | [0]}", "/1"),
        ("/{{{w.n}}}", "/{7}"),
    ],
)
def test_a_path_is_filled_in(template: str, path: str) -> None:
    assert PathTemplate.read(template).filled(DATA, Meter()) == path


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("/{w.none}", "{w.none} in the path is null."),
        ("/{w.gone.deeper}", "is null."),
        ("/{w.empty}", "is ''."),
        ("/{w.up}/x", "is '..'."),
        ("/{w.list}", "is no single text or number."),
        ("/{w}", "is no single text or number."),
    ],
)
def test_what_cannot_stand_in_a_path_is_no_path(template: str, words: str) -> None:
    with pytest.raises(NothingThere) as failure:
        PathTemplate.read(template).filled(DATA, Meter())
    assert words in str(failure.value)


def test_a_path_does_not_grow_beyond_its_bound() -> None:
    with pytest.raises(NothingThere, match="2048 characters"):
        PathTemplate.read("/{a}{a}").filled({"a": "x" * 1500}, Meter())
    with pytest.raises(NothingThere, match="too long"):
        PathTemplate.read("/{a}").filled({"a": "x" * (1 << 20)}, Meter())


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("/{w.id", "column 2: the brace has no other"),
        ("/w.id}", "column 6: the brace has no other"),
        ("/{}", "it is empty"),
        ("/{a.}", "it ends too early"),
        ("/a b", "write %20"),
        ("/{ {x: y} }", "the brace has no other"),
    ],
)
def test_a_path_that_cannot_be_read_is_told(template: str, words: str) -> None:
    with pytest.raises(BadExpression) as failure:
        PathTemplate.read(template)
    assert words in str(failure.value)


@given(st.text() | st.integers() | st.floats())
def test_a_value_stays_one_segment_and_one_value(value: str | float) -> None:
    template = PathTemplate.read("/a/{v}/b?q={v}&r=1")
    try:
        parts = urlsplit(f"http://pod{template.filled({'v': value}, Meter())}")
    except NothingThere:
        assert value in ("", ".", "..") or not _encodable(str(value)) or 2 * len(quote(str(value), safe="")) > 2000
        return
    assert parts.netloc == "pod"
    first, second, third = parts.path[1:].split("/")
    assert (first, third) == ("a", "b")
    query = parts.query.split("&")
    assert [unquote(second), *map(unquote, query)] == [str(value), f"q={value}", "r=1"]
    assert not parts.fragment


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@given(st.text(alphabet="/{}ab.|[]' ", max_size=20))
def test_any_text_is_a_path_or_none(text: str) -> None:
    try:
        template = PathTemplate.read(text)
        filled = template.filled({"a": "1", "b": {"a": "2"}}, Meter())
    except (BadExpression, NothingThere, ExpressionFailed):
        return
    assert " " not in filled


def test_a_path_without_braces_is_itself() -> None:
    assert PathTemplate.read("/a?b=c").filled({}, Meter()) == "/a?b=c"
    assert not list(PathTemplate.read("/a?b=c").expressions)


def test_expressions_have_a_length() -> None:
    with pytest.raises(BadExpression, match="1024"):
        Expression.read("a" * 1025)
