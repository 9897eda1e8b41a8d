"""Shapes: what they keep, what they hide, and that they are their own shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from supportbundle.sanitize import BUILTIN, KnownSecret, Sanitizer
from supportbundle.sanitize.shape import LONGEST, shape

Clean = Callable[..., bytes]
FEW = replace(BUILTIN, patterns=())


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("hunter2", "xxxxxx00"),
        ("Hunter2!", "Xxxxxx00!"),
        ("p@ss:w/rd9", "x@xx:x/xx00"),
        ("abc def", "xxxx xxxx"),
        ("größer", "xxxxxxxx"),
        ("\u0664\u0667\u0661\u0661", "0000"),
        ('say "hunter"', 'xxxx "xxxxxxxx"'),
        ("two\nlines", "xxxx\nxxxxxxxx"),
    ],
)
def test_a_shape_keeps_kinds_special_characters_and_a_class_of_length(value: str, kept: str) -> None:
    assert shape(value.encode()) == kept.encode()


@pytest.mark.parametrize(
    "value",
    [
        b"!%&/()=?", b"a!b%%c&&d//e", b"abc", b"", b"\x00\x01abcdefgh", b"-----BEGIN RSA PRIVATE KEY-----\nabcdefgh",
        b"x" * (LONGEST + 1), b"<redacted:password>", b"abcdefgh<redacted:token>",
    ],
)  # fmt: skip
def test_what_would_tell_too_much_or_is_no_value_has_no_shape(value: bytes) -> None:
    assert shape(value) is None


@given(st.text(max_size=80) | st.text(alphabet="aB9 -_.:/é", max_size=80))
def test_a_shape_is_its_own_shape(value: str) -> None:
    shaped = shape(value.encode("utf-8", "surrogatepass"))
    if shaped is not None:
        assert shape(shaped) == shaped


@given(st.binary(max_size=80))
def test_any_bytes_have_a_shape_or_none(value: bytes) -> None:
    shaped = shape(value)
    assert shaped is None or shape(shaped) == shaped


@given(st.text(alphabet=st.characters(categories=("Lu", "Ll", "Nd")), min_size=4, max_size=40))
def test_letters_and_digits_of_a_secret_are_gone(value: str) -> None:
    shaped = shape(value.encode())
    assert shaped is not None
    assert set(shaped) <= set(b"Xx0")
    assert len(shaped) in {4, 8, 16, 32, 64}


@pytest.fixture(scope="module")
def shaping() -> Sanitizer:
    return Sanitizer.build((KnownSecret("a/b", b"Xx00-xxxx"),), FEW, keep_shape=True)


VALUES = st.text(min_size=1, max_size=30) | st.sampled_from(['it"s', "a: b", "#x y", "- abcd", "'quoted'", "&anchor1"])


@given(value=VALUES, nested=st.booleans())
def test_documents_with_shapes_still_parse_and_stay_as_they_are(
    shaping: Sanitizer, value: str, *, nested: bool
) -> None:
    document = {"password": value, "n": 1, "db": {"apiKey": [value], "x": "kept"}}
    text = json.dumps({"inner": json.dumps(document), "m": 2} if nested else document, ensure_ascii=False)
    for written, path, read in (
        (text, "x.json", json.loads),
        (yaml.safe_dump(document, allow_unicode=True), "x.yaml", yaml.safe_load),
    ):
        out = run(shaping, written.encode("utf-8", "surrogatepass"), path)
        assert run(shaping, out, path) == out
        found = read(out)
        found = json.loads(found["inner"]) if "inner" in found else found
        assert found["n"] == 1
        assert found["db"]["x"] == "kept"
        wanted = shape(value.encode("utf-8", "surrogatepass"))
        if wanted is not None and sum(char.isalnum() for char in value) > 3:
            assert found["password"] in {wanted.decode("utf-8", "surrogatepass"), value, "<redacted:password>"}


def run(sanitizer: Sanitizer, data: bytes, path: str) -> bytes:
    stream = sanitizer.open(path)
    return stream.feed(data) + stream.finish()


def test_a_shape_that_is_itself_a_known_secret_becomes_a_marker(shaping: Sanitizer) -> None:
    out = json.loads(run(shaping, b'{"password": "Ab1-cdef", "token": "Ab1+cdef", "n": 1}', "x"))
    assert out == {"password": "<redacted:password>", "token": "Xx00+xxxx", "n": 1}


def test_objects_and_numbers(shaping: Sanitizer) -> None:
    out = json.loads(run(shaping, b'{"credentials": {"user": "bob"}, "password": 4711, "n": 1}', "x"))
    assert out == {"credentials": "<redacted:credential>", "password": "0000", "n": 1}


@pytest.mark.parametrize(
    ("text", "shaped"),
    [
        ("postgres://app:hunter2@db:5432/shop\n", "postgres://app:xxxxxx00@db:5432/shop\n"),
        ("app:pa@ss9@tcp(db:3306)/shop\n", "app:xx@xx00@tcp(db:3306)/shop\n"),
        ("postgres://app:hun%40ter2@db/shop\n", "postgres://app:<redacted:url-userinfo>@db/shop\n"),
        ("login password='Hunter-2 xyz' user=bob\n", "login password='Xxxxxxxx-0 xxxx' user=bob\n"),
        ("run --password hunter2 --user bob\n", "run --password xxxxxx00 --user bob\n"),
        ("login password=h\\unter2 user=bob\n", "login password=<redacted:password> user=bob\n"),
        ("login password=!!!!a!!! user=bob\n", "login password=<redacted:password> user=bob\n"),
    ],
)
def test_values_in_running_text_keep_their_shape(text: str, shaped: str) -> None:
    sanitizer = Sanitizer.build((), keep_shape=True)
    out = run(sanitizer, text.encode(), "x.log")
    assert out == shaped.encode()
    assert run(sanitizer, out, "x.log") == out


@given(value=st.text(alphabet="abcXYZ0189@:/!#&=,;._-+ \"'é", min_size=1, max_size=40))
def test_shapes_in_running_text_stay_as_they_are(value: str) -> None:
    for form in (
        "login password={} user=bob\n",
        "login password='{}' x\n",
        "pg://app:{}@db:5432/x\n",
        "run --token {} x\n",
    ):
        once = run(RUNNING, form.format(value).encode(), "x.log")
        assert run(RUNNING, once, "x.log") == once


RUNNING = Sanitizer.build((), keep_shape=True)
