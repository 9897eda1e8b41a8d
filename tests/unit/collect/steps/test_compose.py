"""Documents of several answers, key by key."""

from __future__ import annotations

from supportbundle.collect.steps.compose import Document, document
from supportbundle.plan.expressions import Expression, Meter

DATA = {"a": {"x": 1, "list": []}, "b": "text"}


def made(*, keep_null: bool = False, **fields: str) -> Document:
    read = [(tuple(key.split("__")), Expression.read(value)) for key, value in fields.items()]
    return document(read, DATA, Meter(), keep_null=keep_null)


def test_keys_stand_in_the_order_of_the_fields_and_inside_others() -> None:
    found = made(z="a.x", in__deep__one="b", a="a.list", in__two="a.x")
    assert list(found.content.items()) == [("z", 1), ("in", {"deep": {"one": "text"}, "two": 1}), ("a", [])]
    assert found.found
    assert not found.left_out


def test_a_key_without_a_source_is_left_out_and_told() -> None:
    found = made(k="gone.x", in__l="a.y", b="b")
    assert found.content == {"b": "text"}
    assert found.left_out == ["k", "in.l"]
    assert found.found


def test_or_is_null_where_that_is_asked_for() -> None:
    found = made(keep_null=True, k="gone.x", in__l="a.y")
    assert found.content == {"k": None, "in": {"l": None}}
    assert found.left_out == ["k", "in.l"]
    assert not found.found


def test_an_expression_that_does_not_fit_costs_its_key_alone() -> None:
    found = made(k="length(a.x)", b="b")
    assert found.content == {"b": "text"}
    assert found.left_out == ["k"]
    assert [(key, str(error)) for key, error in found.failed] == [
        ("k", "length() takes string, array, object and was given number.")
    ]
