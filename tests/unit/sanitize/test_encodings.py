"""Encodings and line ends: what is no UTF-8 is sanitized as well, and else passes as it is."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from supportbundle.errors import Unsanitizable
from supportbundle.sanitize import Sanitizer

Clean = Callable[..., bytes]

DOCUMENTS = {
    "yaml": ("# é\na: 1\npasswords:\n- hunter2\nx: é\n", '# é\na: 1\npasswords:\n- "<redacted:password>"\nx: é\n'),
    "yaml key": ('a: 1\n"clé_password": hunter2é\n', 'a: 1\n"clé_password": "<redacted:password>"\n'),
    "yaml text": ("a: 1\nu: amqp://a:hunter2@b/é\n", "a: 1\nu: amqp://a:<redacted:url-userinfo>@b/é\n"),
    "json": ('{"é\\n": "é",\n "secrets": {"a": "hunter2"}}\n', '{"é\\n": "é",\n "secrets": "<redacted:secret>"}\n'),
    "json lines": ('{"a": "é", "secrets": {"a": "hunter2"}}\n' * 2, '{"a": "é", "secrets": "<redacted:secret>"}\n' * 2),
    "log": ('é {"a": "é", "secrets": {"a": "hunter2"}}\n', 'é {"a": "é", "secrets": "<redacted:secret>"}\n'),
    "env": ("A=é\nPASSWORD=hunter2é hunter2\n", "A=é\nPASSWORD=<redacted:password>\n"),
    "ini": ("[é]\npassword = hunter2é\nb = é\n", "[é]\npassword = <redacted:password>\nb = é\n"),
    "xml": ("<é><password>hunter2é</password></é>", "<é><password>&lt;redacted:password&gt;</password></é>"),
    "toml": ('[a]\npassword = "hunter2é"\nb = "é"\n', '[a]\npassword = "<redacted:password>"\nb = "é"\n'),
}


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "latin-1", "cp1252"])
@pytest.mark.parametrize(("content", "expected"), DOCUMENTS.values(), ids=DOCUMENTS.keys())
def test_any_encoding_loses_the_secret_and_nothing_else(content: str, expected: str, codec: str, clean: Clean) -> None:
    assert clean(content.encode(codec)) == expected.encode(codec)


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_wide_encodings_become_utf8(codec: str, mark: str, clean: Clean) -> None:
    text = "password=hunter2\nname=ok, ordinary text, é\n"
    assert clean((mark + text).encode(codec)) == text.replace("hunter2", "<redacted:password>").encode()


def test_a_broken_wide_text_is_refused(clean: Clean) -> None:
    with pytest.raises(Unsanitizable, match="utf-32"):
        clean(b"\xff\xfe\0\0a\0\0\0\0\0\0\xff")


@pytest.mark.parametrize("break_", ["\n", "\r\n", "\r", "\0"])
def test_each_kind_of_line_end_ends_a_value(break_: str, clean: Clean) -> None:
    text = break_.join(["A=1", "DB_PASSWORD=hunter2 hunter2", "HOME=/root", ""])
    assert clean(text).decode() == text.replace("hunter2 hunter2", "<redacted:password>")
    log = break_.join(["start x", "password: hunter2 hunter2", "the end", ""])
    assert clean(log).decode() == log.replace("hunter2 hunter2", "<redacted:password>")


@settings(max_examples=150, deadline=None)
@given(
    pairs=st.lists(
        st.tuples(st.sampled_from(["password", "user", "clé_secret", "note"]), st.text("aé\x85\x80ÿ€ #:'", max_size=9)),
        max_size=6,
    ),
    sizes=st.lists(st.integers(0, 60), max_size=10),
)
def test_any_single_byte_yaml_and_json_differs_only_in_secrets(
    pairs: list[tuple[str, str]], sizes: list[int], sanitizer: Sanitizer, in_chunks: Callable[..., bytes]
) -> None:
    def single(text: str) -> bytes:
        return text.encode("cp1252", "ignore")

    keys = [f"{key}_{index}" if index else key for index, (key, _) in enumerate(pairs)]
    values = ["'" + value.replace("'", "''") + "'" for _, value in pairs]
    content = b"a: \xe9\nb: 1\n" + b"".join(single(f"{k}: {v}\n") for k, v in zip(keys, values, strict=True))
    out = in_chunks(sanitizer, content, sizes)
    assert out == in_chunks(sanitizer, content, [])
    lines = zip(content.split(b"\n"), out.split(b"\n"), strict=True)
    assert all(old == new or b"<redacted:" in new for old, new in lines)
    document = b'{"a":\n"\xe9"' + b"".join(single(f', "{key}": {json.dumps(key)}') for key in keys) + b"}"
    before, after = (json.loads(text.decode("latin-1")) for text in (document, in_chunks(sanitizer, document, sizes)))
    assert list(before) == list(after)


def test_a_single_byte_secret_object_is_understood(clean: Clean) -> None:
    text = b"kind: Secret\n# \xe9\ndata:\n  a: aHVudGVyMg==\n"
    assert yaml.safe_load(clean(text).decode("latin-1"))["data"] == {"a": "<redacted:secret-object>"}
