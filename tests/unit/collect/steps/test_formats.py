"""Documents as bytes: whatever is written can be read again, and is no larger than it may be."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.collect.steps.formats import MAX_DEPTH, VALUES, YAML_VALUES, encoded
from supportbundle.errors import TooLarge
from supportbundle.model.api import DocumentFormat
from supportbundle.plan.expressions import BadExpression, Expression, ExpressionFailed, Meter

JSON, YAML, TEXT = DocumentFormat.JSON, DocumentFormat.YAML, DocumentFormat.TEXT
DOCUMENT = {"b": [1, {"c": None}], "a": "ä", "e": [], "f": {}}


def test_json_stands_in_one_line_or_is_indented() -> None:
    assert encoded(DOCUMENT, JSON, None) == '{"b":[1,{"c":null}],"a":"ä","e":[],"f":{}}\n'.encode()
    assert encoded(DOCUMENT, JSON, 4) == (json.dumps(DOCUMENT, indent=4, ensure_ascii=False) + "\n").encode()


def test_yaml_keeps_the_order_and_tells_texts_from_numbers() -> None:
    document = {"b": "1", "a": 1, "yes": "no", "list": [{"k": "v"}], "none": None, "long": "word " * 60, "e": "é"}
    text = encoded(document, YAML, None).decode()
    expected = "b: '1'\na: 1\n'yes': 'no'\nlist:\n- k: v\nnone: null\nlong: '" + "word " * 60 + "'\ne: é\n"
    assert text == expected
    assert encoded({"a": {"b": [1]}}, YAML, 4) == b"a:\n    b:\n    - 1\n"


def test_what_stands_twice_is_written_twice() -> None:
    twin = [1]
    assert encoded([twin, twin], YAML, None) == b"- - 1\n- - 1\n"


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a\n"), ("a\n", "a\n"), (["a", "b\n", ""], "a\nb\n\n"), ([], ""), ("", "\n"), (["ä\tb"], "ä\tb\n")],
)
def test_text_is_lines(value: object, text: str) -> None:
    assert encoded(value, TEXT, None).decode() == text


@pytest.mark.parametrize(
    ("value", "words"), [(1, "the value is none"), ([1], "item 1"), (["a", None], "item 2"), ({}, "the value")]
)
def test_what_is_no_text_is_not_written_as_text(value: object, words: str) -> None:
    with pytest.raises(ExpressionFailed, match=words):
        encoded(value, TEXT, None)


def test_no_expression_makes_a_number_that_json_has_not() -> None:
    texts = (
        "to_number('inf')",
        "to_number('nan')",
        f"to_number('{'9' * 30}')",
        "sum([`1e308`, `1e308`])",
        "to_number('-3')",
    )
    assert [Expression.read(text).on({}, Meter()) for text in texts] == [None, None, None, None, -3]
    for text in ("`1e999`", '`[{"a": 99999999999999999999999}]`'):
        with pytest.raises(BadExpression, match="too large"):
            Expression.read(text)


def test_a_value_that_is_small_only_in_memory_is_not_written() -> None:
    bomb = Expression.read("|".join(["[@,@]"] * 40)).on([1], Meter())
    for form, most in ((JSON, VALUES), (YAML, YAML_VALUES)):
        with pytest.raises(TooLarge, match=f"more than {most:,} values"):
            encoded(bomb, form, None)
    for form in DocumentFormat:
        with pytest.raises(TooLarge, match="16 MiB"):
            encoded(["x" * (1 << 20)] * 20, form, 1)


def test_a_file_is_bounded_as_it_is_written() -> None:
    value: object = [1] * 25_000
    for _ in range(MAX_DEPTH - 5):
        value = [value]
    assert len(encoded(value, JSON, 1)) < 4 << 20
    with pytest.raises(TooLarge, match="more than 16 MiB"):
        encoded(value, JSON, 8)


@pytest.mark.parametrize("form", [JSON, YAML])
def test_what_is_nested_too_deeply_is_not_written(form: DocumentFormat) -> None:
    value: object = 1
    for _ in range(MAX_DEPTH):
        value = [value]
    assert yaml.safe_load(encoded(value, form, 2)) == value
    with pytest.raises(ExpressionFailed, match="deep"):
        encoded([value], form, None)


def test_halves_of_characters_and_expressions_are_not_written() -> None:
    for text in ('`"\\ud800"`', '{"\\ud800": `1`}', "[&a]"):
        value = Expression.read(text).on({}, Meter())
        for form in DocumentFormat:
            with pytest.raises(ExpressionFailed):
                encoded(value, form, None)


DOCUMENTS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=30,
)


@given(DOCUMENTS, st.none() | st.integers(1, 8))
@settings(deadline=None)
def test_json_reads_as_what_was_written(value: object, indent: int | None) -> None:
    made = encoded(value, JSON, indent)
    assert json.loads(made) == value
    assert made.endswith(b"\n")


@given(DOCUMENTS, st.none() | st.integers(1, 8))
@settings(deadline=None)
def test_yaml_reads_as_what_was_written(value: object, indent: int | None) -> None:
    assert yaml.load(encoded(value, YAML, indent), yaml.CSafeLoader) == value


@given(st.lists(st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"]))))
def test_lines_read_as_what_was_written(lines: list[str]) -> None:
    assert encoded(lines, TEXT, None).decode().split("\n") == [*lines, ""]
